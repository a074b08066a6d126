import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CleanupContext } from './cleanup.ts'
import { onCleanup } from './cleanup.ts'

/** Makes an empty folder that is removed when the test is over (without a test: when the process ends). */
export function tempDir(t?: CleanupContext, prefix = 'celeriac'): string {
  const dir = mkdtempSync(join(tmpdir(), `${prefix}-`))
  const remove = (): void => rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  onCleanup(t, remove, remove)
  return dir
}
