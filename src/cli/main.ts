#!/usr/bin/env node
/** The command `celery`. */

import { enableCompileCache } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findLocalCommand } from './local-installation.ts'

// Before anything else is loaded: what is compiled once starts faster the next time. Child processes do as the
// environment says.
const cache = process.env['NODE_COMPILE_CACHE'] ?? path.join(tmpdir(), 'node-compile-cache')
enableCompileCache(cache)
process.env['NODE_COMPILE_CACHE'] = cache
const local = findLocalCommand(process.cwd())
if (local === undefined) {
  const { main } = await import('./run-main.ts')
  await main(process.argv.slice(2))
} else {
  await import(local)
}
