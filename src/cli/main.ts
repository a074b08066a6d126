#!/usr/bin/env node
/** The command `celery`. */

// The default import: with names, an old Node would stop at those that it lacks before it could say what is wrong.
import nodeModule from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findLocalCommand } from './local-installation.ts'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`celery needs Node 22.18 or later; this is ${process.version}\n`)
  process.exit(1)
}
// Before anything else is loaded: what is compiled once starts faster the next time. Child processes do as the
// environment says.
const cache = process.env['NODE_COMPILE_CACHE'] ?? path.join(tmpdir(), 'node-compile-cache')
nodeModule.enableCompileCache(cache)
process.env['NODE_COMPILE_CACHE'] = cache
const local = findLocalCommand(process.cwd())
if (local === undefined) {
  const { main } = await import('./run-main.ts')
  await main(process.argv.slice(2))
} else {
  await import(local)
}
