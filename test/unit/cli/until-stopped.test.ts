import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startProcess } from '../../support/spawn.ts'

test('who waits to be stopped is not ended because nothing else goes on, as with a broker in memory', async (t) => {
  const module = new URL('../../../src/cli/until-stopped.ts', import.meta.url).href
  const program = `
    import { untilStopped } from '${module}'
    await untilStopped((signal) => {
      console.log('waits')
      return new Promise((resolve) => signal.addEventListener('abort', resolve))
    })`
  const child = startProcess(process.execPath, ['--input-type=module', '--eval', program], { t })
  await child.waitForOutput(/waits/)
  assert.equal(await child.stop(), 0)
})
