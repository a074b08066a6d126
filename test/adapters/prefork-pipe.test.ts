/** What becomes of a child process, and of its jobs, when the pipe between it and the pool is not what it should be. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { PoolOutcome } from '../../src/pool/pool.ts'
import { PreforkPool } from '../../src/pool/prefork/prefork-pool.ts'
import { isRunning } from '../support/is-running.ts'
import { startProcess } from '../support/spawn.ts'

/** A runner whose jobs are the names of these deeds. */
const RUNNER = `data:text/javascript,${encodeURIComponent(`
  import { spawn } from 'node:child_process'
  import { closeSync, openSync, writeSync } from 'node:fs'
  const deeds = {
    echo: () => 'echo',
    exit: () => process.exit(9),
    die: () => process.kill(process.pid, 'SIGKILL'),
    garble: () => { writeSync(3, Buffer.from([1, 0, 0, 0, 7])); return new Promise(() => {}) },
    replace: () => { closeSync(3); openSync('/dev/null', 'w'); return new Promise(() => {}) },
    lend: () => {
      const borrower = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', 3] })
      borrower.unref()
      return borrower.pid
    },
  }
  export const createRunner = async () => ({ run: async (name) => deeds[name](), close: async () => {} })
`)}`

async function startPool(t: TestContext) {
  const warnings: string[] = []
  const pool = new PreforkPool({ processes: 1, warn: (text) => void warnings.push(text) })
  await pool.start({ module: RUNNER, init: undefined, create: () => assert.fail('it is not local') })
  t.after(() => pool.stop({ graceful: false }))
  const run = (data: string): Promise<PoolOutcome> =>
    pool.run({ id: data, data, softTimeLimit: undefined, timeLimit: undefined })
  return { run, warnings }
}

test('a child that sends what cannot be read is replaced, and harms nobody else', async (t) => {
  const { run, warnings } = await startPool(t)
  assert.deepEqual(await run('garble'), { kind: 'lost', exitCode: undefined, signal: 'SIGKILL' })
  assert.match(warnings[0] ?? '', /^process \d+ died: Error: what it sends cannot be read/)
  assert.equal((await run('echo')).kind, 'returned')
})

test('a child that cannot be reached any more is replaced', async (t) => {
  const { run } = await startPool(t)
  assert.deepEqual(await run('replace'), { kind: 'lost', exitCode: undefined, signal: 'SIGKILL' })
  assert.equal((await run('echo')).kind, 'returned')
})

test('a child whose pipe is held by somebody else when it dies is replaced', async (t) => {
  const { run } = await startPool(t)
  const lent = await run('lend')
  const borrower = lent.kind === 'returned' ? Number(lent.value) : Number.NaN
  t.after(() => process.kill(borrower, 'SIGKILL'))
  assert.deepEqual(await run('exit'), { kind: 'lost', exitCode: 9, signal: undefined })
  assert.equal((await run('echo')).kind, 'returned')
  assert.ok(isRunning(borrower))
})

test('while no process can be started for want of file descriptors the pool goes on, and replaces its child later', async (t) => {
  const program = `
    import { closeSync, openSync } from 'node:fs'
    import { PreforkPool } from ${JSON.stringify(new URL('../../src/pool/prefork/prefork-pool.ts', import.meta.url).href)}
    let taken = []
    const warn = (text) => {
      console.log(text.split('\\n')[0])
      if (text.startsWith('a child could not start')) for (const fd of taken.splice(0)) closeSync(fd)
    }
    const pool = new PreforkPool({ processes: 1, warn })
    await pool.start({ module: ${JSON.stringify(RUNNER)}, init: undefined })
    try { for (;;) taken.push(openSync('/dev/null')) } catch ({ code }) { console.log(code) }
    for (const data of ['die', 'echo']) console.log(await pool.run({ id: data, data }))
    await pool.stop({ graceful: true })`
  const limited = startProcess(
    '/bin/sh',
    ['-c', 'ulimit -n 100; exec "$0" "$@"', process.execPath, '--input-type=module', '-e', program],
    { t },
  )
  assert.equal(await limited.wait(), 0, limited.output())
  const output = limited.output()
  assert.match(output, /^process 0 died: Error: spawn .* EMFILE$/m)
  assert.match(output, /^\{ kind: 'returned', value: 'echo' \}$/m)
})
