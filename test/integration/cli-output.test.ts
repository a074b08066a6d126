/** What becomes of commands whose output nobody reads any more: `| head`, `| tee`, a collector of logs that ends. */
import assert from 'node:assert/strict'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { cliPlace } from './cli-process.ts'

test('a command whose reader has gone ends with 1, without a stack', async (t) => {
  const shell = cliPlace(t).streams('shell')
  const errors = text(shell.stderr)
  shell.stdin.write("'hello'\n")
  await readUntil(shell.stdout, /hello/)
  shell.stdin.write("'nobody hears that'\n")
  assert.deepEqual([await exitCode(shell), await errors], [1, ''])
})

for (const pool of ['prefork', 'solo'] as const) {
  test(`a worker whose log nobody reads goes on, and so do tasks that print (${pool})`, async (t) => {
    const place = cliPlace(t)
    const worker = place.streams(
      'worker',
      '-l',
      'INFO',
      '-P',
      pool,
      '-c',
      '1',
      'worker.redirect_stdouts=False',
    )
    await readUntil(worker.stderr, / ready\.\n/)
    await close(worker.stdout)
    for (const word of ['one', 'two']) {
      assert.equal(await (await place.send('cli.print', [word])).get({ timeout: 30 }), word)
    }
    worker.kill('SIGTERM')
    assert.equal(await exitCode(worker), 0)
  })
}

/** Reads until there is what is waited for, and then closes the stream. */
async function readUntil(stream: Readable, pattern: RegExp): Promise<void> {
  let seen = ''
  for await (const chunk of stream.setEncoding('utf8')) {
    seen += String(chunk)
    if (pattern.test(seen)) break
  }
  await close(stream)
}

async function close(stream: Readable): Promise<void> {
  if (stream.closed) return
  const closed = once(stream, 'close')
  stream.destroy()
  await closed
}

async function exitCode(child: ChildProcessWithoutNullStreams): Promise<unknown> {
  if (child.exitCode !== null) return child.exitCode
  const [code]: unknown[] = await once(child, 'exit')
  return code
}
