import { join } from 'node:path'
import { createSqliteBackend } from '../../src/backends/sqlite.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import { backendOptions } from '../../src/testing/conformance/backend-session.ts'
import { tempDir } from '../support/temp-dir.ts'

const url = `sqlite:///${join(tempDir(), 'results.sqlite3')}`

exerciseBackend({
  name: 'sqlite',
  features: { persistent: true, autoExpire: true, nativeJoin: true, groups: true },
  create: (_t, overrides) => createSqliteBackend(backendOptions(url, overrides)),
})
