/** The code of docs/guide/testing.md runs. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { tempDir } from '../support/temp-dir.ts'

test('the page on testing is true [10-058 10-060]', async (t) => {
  const page = readFileSync(new URL('../../docs/guide/testing.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)
  const code = blocks.join('\n').replaceAll(/from 'celeriac(?:\/(\w+))?'/g, (_, entry: string = 'index') => {
    return `from '${new URL(`../../src/${entry}.ts`, import.meta.url).href}'`
  })
  const file = join(tempDir(t), 'page.test.ts')
  writeFileSync(file, code)
  const environment = { ...process.env, NODE_TEST_CONTEXT: undefined }
  const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', file], {
    env: environment,
  })
  assert.match(stdout, /^# pass 6$/m)
  assert.match(stdout, /^# fail 0$/m)
})
