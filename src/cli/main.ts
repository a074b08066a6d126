#!/usr/bin/env node
/** The command `celery`. */

import { enableCompileCache } from 'node:module'

// Before anything else is loaded: what is compiled once starts faster the next time, in child processes as well.
enableCompileCache()
const { main } = await import('./run-main.ts')
await main(process.argv.slice(2))
