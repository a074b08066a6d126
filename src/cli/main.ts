#!/usr/bin/env node
/** The command `celery`. */

import { enableCompileCache } from 'node:module'
import { findLocalCommand } from './local-installation.ts'

// Before anything else is loaded: what is compiled once starts faster the next time, in child processes as well.
enableCompileCache()
const local = findLocalCommand(process.cwd())
if (local === undefined) {
  const { main } = await import('./run-main.ts')
  await main(process.argv.slice(2))
} else {
  await import(local)
}
