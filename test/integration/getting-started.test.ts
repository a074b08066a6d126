/** "First steps" and "Next steps" of Celery's documentation, as a user walks them: one worker, commands, a client. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chain, chord, group } from '../../src/canvas.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { needs } from '../support/require-server.ts'
import { startRedis } from '../support/servers/redis.ts'
import type { RunningProcess } from '../support/spawn.ts'
import { startProcess } from '../support/spawn.ts'
import { tempDir } from '../support/temp-dir.ts'
import { add, app, fail, flaky, join, mul, xsum } from './fixtures/getting-started/tasks.ts'

const FIXTURES = new URL('fixtures/getting-started/', import.meta.url)
const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const WAIT = { timeout: 60 }

test('First steps and Next steps, on Redis', { ...needs('redis-server'), timeout: 240_000 }, async (t) => {
  const redis = await startRedis(t)
  const celery = commandsOf(t, redis.url)
  // As in an interactive session: settings one by one, and several at once.
  app.conf.brokerUrl = redis.url
  app.conf.update({ result_backend: redis.url, taskPublishRetry: false })
  onCleanup(
    t,
    () => app.close(),
    () => undefined,
  )

  const early = await add.delay(4, 4)
  const restless = await flaky.delay('luck')
  const states: string[] = []
  const luck = restless.get({ ...WAIT, onMessage: ({ status }) => states.push(status) })
  const watched = `PUBSUB NUMSUB celery-task-meta-${restless.id}`
  await eventually(async () => assert.equal((await redis.command(watched))[1], '1'))

  await t.test(
    'before there is a worker nothing is ready, and unknown ids are pending [11-029]',
    async () => {
      assert.equal(await early.ready(), false)
      assert.equal(await early.state(), 'PENDING')
      assert.equal(await app.AsyncResult('this-id-does-not-exist').state(), 'PENDING')
    },
  )

  await t.test('a module of settings can be checked by itself, and counts [11-030 11-043]', async () => {
    const check = startProcess(process.execPath, [fileURLToPath(new URL('celeryconfig.ts', FIXTURES))], { t })
    assert.equal(await check.wait(), 0, check.output())
    assert.deepEqual([app.conf.taskSerializer, app.conf.timezone], ['json', 'Europe/Oslo'])
    // The zone is for people and schedules; messages are in UTC.
    await add.applyAsync([1, 1], { queue: 'later', countdown: 3600 })
    const [envelope = ''] = await redis.command('LINDEX later 0')
    assert.match(JSON.parse(envelope).headers.eta, /\+00:00$/)
  })

  await t.test('routes by name, and calls that name their queue [11-031 11-036]', async () => {
    await mul.delay(1, 1)
    await add.applyAsync([2, 2], { queue: 'lopri', countdown: 10 })
    const lengths = ['low-priority', 'lopri', 'celery'].map((queue) => redis.command(`LLEN ${queue}`))
    assert.deepEqual((await Promise.all(lengths)).flat(), ['1', '1', '2'])
    const [envelope = ''] = await redis.command('LINDEX lopri 0')
    assert.match(JSON.parse(envelope).headers.eta, /^\d{4}-\d\d-\d\dT/)
  })

  const worker = celery(
    'worker',
    ...'-l INFO -c 1 -E -O fair --prefetch-multiplier 1'.split(' '),
    ...['-Q', 'celery,low-priority'],
  )
  await worker.waitForOutput(/ ready\.\n/)

  await t.test('a worker of several queues runs what waits in them [11-041 11-044]', async () => {
    assert.equal(await early.get(WAIT), 8)
    await eventually(async () => assert.deepEqual(await redis.command('LLEN low-priority'), ['0']))
    assert.equal(await mul.delay(3, 4).get(WAIT), 12)
    assert.match(worker.output(), /\.> low-priority /)
  })

  await t.test('a log that is no terminal has no colours, whatever the settings say [12-043]', () => {
    assert.equal(app.conf.workerLogColor, true)
    assert.equal(worker.output().includes('\u001B'), false)
  })

  await t.test('states of a task that is tried again and again [11-037]', async () => {
    assert.equal(await luck, 'luck at last')
    assert.deepEqual(states, ['STARTED', 'RETRY', 'STARTED', 'RETRY', 'STARTED', 'SUCCESS'])
  })

  await t.test('calls and what their results can be asked [11-028]', async () => {
    assert.equal(add(4, 4), 8)
    const result = await add.applyAsync([4, 4])
    assert.equal(await result.get(WAIT), 8)
    assert.match(result.id, /^[0-9a-f-]{36}$/)
    assert.deepEqual(
      [await result.ready(), await result.successful(), await result.failed(), await result.state()],
      [true, true, false, 'SUCCESS'],
    )
    await result.forget()
    assert.deepEqual(await redis.command(`EXISTS celery-task-meta-${result.id}`), ['0'])

    const bad = await fail.delay('no luck')
    await assert.rejects(bad.get(WAIT), { name: 'RangeError', message: 'no luck' })
    assert.match(String(await bad.get({ ...WAIT, propagate: false })), /RangeError: no luck/)
    assert.match((await bad.traceback()) ?? '', /tasks\.ts/)
    assert.deepEqual(
      [await bad.failed(), await bad.successful(), await bad.state()],
      [true, false, 'FAILURE'],
    )
  })

  await t.test('signatures, whole and partial [11-038]', async () => {
    assert.deepEqual(add.signature([2, 2], { countdown: 10 }).options, { countdown: 10 })
    assert.equal(await add.s(2, 2).delay().get(WAIT), 4)
    // What comes later stands in front, and names that come later win.
    assert.equal(await join.s('b').delay('a').get(WAIT), 'a,b')
    const named = join.signature(['a'], { kwargs: { second: 'b' } })
    assert.equal(await named.delay().get(WAIT), 'a,b')
    assert.equal(await named.applyAsync({ kwargs: { second: 'c' } }).get(WAIT), 'a,c')
  })

  await t.test('workflows [11-010 11-039]', async () => {
    function* calls() {
      for (let i = 0; i < 10; i += 1) yield add.s(i, i)
    }
    const doubles = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert.deepEqual(await group(calls()).delay().get(WAIT), doubles)
    const partial = group([1, 2, 3].map((number) => add.s(number)))
    assert.deepEqual(await partial.delay(10).get(WAIT), [11, 12, 13])
    assert.equal(await chain(add.s(4, 4), mul.s(8)).delay().get(WAIT), 64)
    assert.equal(await chain(add.s(4), mul.s(8)).delay(4).get(WAIT), 64)
    assert.equal(await add.s(4, 4).pipe(mul.s(8)).delay().get(WAIT), 64)
    assert.equal(
      await chord([add.s(1, 1), add.s(2, 2)], xsum.s())
        .delay()
        .get(WAIT),
      6,
    )
    // A group with something behind it becomes a chord.
    assert.equal(await group(calls()).pipe(xsum.s()).delay().get(WAIT), 90)
    const mixed = add
      .s(1, 2)
      .pipe(group([mul.s(2), mul.s(3)]))
      .pipe(xsum.s())
    assert.equal(await mixed.delay().get(WAIT), 15)
    assert.deepEqual(
      await add
        .chunks(
          [
            [1, 1],
            [2, 2],
            [3, 3],
          ],
          2,
        )
        .delay()
        .get(WAIT),
      [[2, 4], [6]],
    )
  })

  await t.test('remote control, as the commands print it [11-031 11-042]', async () => {
    const node = /celery@\S+/.exec(worker.output())?.[0] ?? ''
    // To one node, so that the replies of a busy machine can be waited for: none is too late.
    const there = ['--destination', node, '--timeout', '60']
    const outputs = await Promise.all(
      [
        ['control', 'rate_limit', 'tasks.add', '10/m', ...there],
        ['inspect', 'active', ...there],
        ['control', 'enable_events', ...there],
        ['status', ...there],
        ['inspect', '--help'],
        ['control', '--help'],
      ].map(async (words) => {
        const command = celery(...words)
        assert.equal(await command.wait(), 0, command.output())
        return command.stdout()
      }),
    )
    const [limited, active, events, status, ...helps] = outputs
    assert.equal(limited, `->  ${node}: OK\n        new rate limit set successfully\n`)
    assert.equal(active, `->  ${node}: OK\n    - empty -\n\n1 node online.\n`)
    assert.equal(events, `->  ${node}: OK\n        task events already enabled\n`)
    assert.equal(status, `->  ${node}: OK\n\n1 node online.\n`)
    for (const help of helps) assert.match(help, /--timeout[\s\S]*--destination/)
  })

  await t.test('Ctrl-C stops it', async () => {
    worker.signal('SIGINT')
    assert.equal(await worker.wait(), 1)
  })
})

test('what keeps a worker from starting is said in a line [11-032]', { timeout: 240_000 }, async (t) => {
  const celery = commandsOf(t, 'memory://')
  for (const word of ['--pidfile=nowhere/w.pid', '--statedb=nowhere/w.state', '--logfile=/dev/null/w.log']) {
    const worker = celery('worker', '-P', 'solo', word)
    assert.notEqual(await worker.wait(), 0)
    assert.ok(worker.output().includes(word.slice(word.indexOf('=') + 1)), worker.output())
    assert.doesNotMatch(worker.output(), /^\s+at |ready\./m)
  }
})

/** Starts `celery -A tasks …` in a folder of its own. */
function commandsOf(t: TestContext, url: string): (...argv: string[]) => RunningProcess {
  const env = { CELERY_BROKER_URL: url, CELERY_RESULT_BACKEND: url, NO_COLOR: undefined }
  const cwd = tempDir(t)
  const tasks = fileURLToPath(new URL('tasks.ts', FIXTURES))
  return (...argv) => startProcess(process.execPath, [CLI, '-A', tasks, ...argv], { t, cwd, env })
}
