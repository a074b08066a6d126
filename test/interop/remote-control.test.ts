/** Our client tells Python workers what to do, and asks them what they do. */
import assert from 'node:assert/strict'
import { uptime } from 'node:os'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { TaskRevokedError } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { startPythonCelery } from '../support/python.ts'
import { startProcess } from '../support/spawn.ts'
import { BROKERS, needsPartners, openGate, startNodeApp, startPlace, startPython } from './partners.ts'

const PYTHON_APP = fileURLToPath(new URL('fixtures/pyapp.py', import.meta.url))
const NODE_APP = fileURLToPath(new URL('fixtures/node-worker.ts', import.meta.url))
const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

for (const broker of BROKERS) {
  test(`we control a Python worker: ${broker}`, needsPartners(broker), async (t) => {
    const place = await startPlace(t, broker)
    const { app } = startNodeApp(t, place)
    const worker = await startPython(t, place)
    const { control } = app
    const [reply] = await control.ping({ limit: 1, timeout: 60 })
    const node = Object.keys(reply ?? {})[0] ?? ''
    assert.ok(node.startsWith('python@'))
    const told = { destination: node, timeout: 60, reply: true }
    const asked = control.inspect({ destination: node, timeout: 60 })
    const answer = (replies: readonly object[]): unknown => Object.values(replies[0] ?? {})[0]
    const call = (name: string, args: readonly unknown[], options = {}) =>
      app.signature(`py.${name}`, { args }).applyAsync(options)

    await t.test('what it is [5-074] [5-076] [5-077] [5-079] [5-082] [5-083]', async () => {
      assert.deepEqual(await asked.ping(), { [node]: { ok: 'pong' } })
      const registered = (await asked.registered())[node] ?? []
      assert.ok(registered.includes('py.add'), registered.join())
      assert.deepEqual(
        (await asked.activeQueues())[node]?.map(({ name }) => name),
        ['py'],
      )
      const stats = (await asked.stats())[node]
      assert.equal(stats?.pid, worker.pid)
      assert.equal(stats?.prefetch_count, 1)
      assert.equal((await asked.conf())[node]?.['result_expires'], 600)
      assert.match(String((await asked.report())[node]?.ok), /py:3/)
      assert.ok(Number((await asked.clock())[node]?.clock) > 0)
      // Stamps are of Python's monotonic clock, which begins with the machine; those of hours ago do not count any more.
      const hello = (await asked.hello('node@test', { gone: uptime() }))[node]
      assert.ok(Number(hello?.clock) > 0, JSON.stringify(hello))
      assert.deepEqual((await asked.revoked())[node], ['gone'])
      assert.deepEqual(await asked.request('no_such_command'), {
        [node]: { error: "KeyError('no_such_command')" },
      })
    })

    await t.test('who is meant [5-085] [5-086]', async () => {
      const ping = async (options: object) => (await control.ping({ limit: 1, ...options })).length
      assert.equal(await ping({ pattern: 'python@*', timeout: 60 }), 1)
      assert.equal(await ping({ pattern: 'python@', matcher: 'pcre', timeout: 60 }), 1)
      const none = await Promise.all([
        ping({ pattern: 'node@*', timeout: 0.3 }),
        ping({ pattern: 'x', matcher: 'pcre', timeout: 0.3 }),
        ping({ destination: 'node@nowhere', timeout: 0.3 }),
      ])
      assert.deepEqual(none, [0, 0, 0])
    })

    await t.test('its tasks, and their end [4-011]', async () => {
      const running = await call('gate', ['never'])
      await eventually(async () => (await asked.active())[node]?.length === 1)
      const [info] = (await asked.active())[node] ?? []
      assert.deepEqual([info?.id, info?.name, info?.args], [running.id, 'py.gate', ['never']])
      const waiting = await call('add', [1])
      await eventually(async () => (await asked.reserved())[node]?.[0]?.id === waiting.id)
      const known = (await asked.queryTask(running.id, waiting.id))[node]
      assert.deepEqual([known?.[running.id]?.[0], known?.[waiting.id]?.[0]], ['active', 'reserved'])
      assert.deepEqual(answer(await control.revoke([waiting.id], told)), {
        ok: `tasks {'${waiting.id}'} flagged as revoked`,
      })
      await running.revoke({ terminate: true, signal: 'SIGKILL', wait: true, timeout: 1 })
      for (const result of [running, waiting]) {
        await assert.rejects(result.get({ timeout: 60 }), TaskRevokedError)
      }
      assert.ok((await asked.revoked())[node]?.includes(running.id))
      assert.equal(await call('add', [1]).get({ timeout: 60 }), 2)
    })

    await t.test('its limits, queues and pool', async () => {
      assert.deepEqual(answer(await control.rateLimit('py.mul', '7/m', told)), {
        ok: 'new rate limit set successfully',
      })
      assert.ok((await asked.registered('rate_limit'))[node]?.includes('py.mul [rate_limit=7/m]'))
      assert.deepEqual(answer(await control.rateLimit('nobody', '7/m', told)), { error: 'unknown task' })
      assert.deepEqual(answer(await control.timeLimit('py.mul', { soft: '5s', hard: 10, ...told })), {
        ok: 'time limits set successfully',
      })
      assert.deepEqual(answer(await control.addConsumer('extra', told)), { ok: 'add consumer extra' })
      assert.equal(await call('add', [2], { queue: 'extra' }).get({ timeout: 60 }), 3)
      assert.deepEqual(answer(await control.cancelConsumer('extra', told)), {
        ok: 'no longer consuming from extra',
      })
      assert.deepEqual(answer(await control.poolGrow(1, told)), { ok: 'pool will grow' })
      // Python's pool takes none away while it holds all of them for busy, as new ones are for a moment.
      await eventually(async () =>
        assert.deepEqual(answer(await control.poolShrink(1, told)), { ok: 'pool will shrink' }),
      )
      assert.deepEqual(answer(await control.autoscale(3, 1, told)), {
        error: "ValueError('Autoscale not enabled')",
      })
    })

    // One broker is enough for what is printed.
    if (broker === 'redis') {
      await t.test('our command line prints what Python’s prints [6-028]', async (t) => {
        const words = (command: string): string[] => [
          '--no-color',
          ...command.split(' '),
          '-t',
          '20',
          '-d',
          node,
        ]
        const python = async (command: string): Promise<string> => {
          const { env } = place
          const running = startPythonCelery(t, { app: PYTHON_APP, args: words(command), env })
          assert.equal(await running.wait(), 0)
          return running.stdout()
        }
        const ours = async (command: string): Promise<string> => {
          const args = [CLI, '-A', NODE_APP, ...words(command)]
          const running = startProcess(process.execPath, args, { t, env: place.env })
          assert.equal(await running.wait(), 0)
          return running.stdout()
        }
        for (const command of ['inspect active_queues', 'inspect conf']) {
          const [expected, printed] = await Promise.all([python(command), ours(command)])
          assert.equal(printed, expected)
        }
      })
    }

    await t.test('it stops when it is told to', async () => {
      const last = await call('gate', ['last', 'done'])
      await eventually(async () => (await asked.active())[node]?.length === 1)
      await control.shutdown({ destination: node })
      await worker.waitForOutput(/Got shutdown from remote/)
      openGate(place, 'last')
      assert.equal(await worker.wait(), 0)
      assert.equal(await last.get({ timeout: 60 }), 'done')
    })
  })
}
