/** Results as messages (`rpc://`), between Python and us, on RabbitMQ. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  needsPartners,
  openGate,
  startNodeApp,
  startNodeWorker,
  startPlace,
  startPython,
} from './partners.ts'
import { startPythonClient } from './python-client.ts'

test('results as messages between Python and us [4-070]', needsPartners('rabbitmq'), async (t) => {
  const place = await startPlace(t, 'rabbitmq', { backend: 'rpc://' })
  const node = startNodeApp(t, place)
  const [python] = await Promise.all([
    startPythonClient(t, place.env),
    startNodeWorker(t, node),
    startPython(t, place),
  ])
  const call = (name: string, ...args: unknown[]) => node.app.signature(name, { args }).delay()

  await t.test('our worker answers Python’s client [4-070]', async () => {
    const answers = await python.run(`
      results = [send('node.add', n, n) for n in range(20)]
      return [[r.get(timeout=60) for r in results], outcome(send('node.fail', 'TypeError'))['type'], get('node.retry', 2)['retries']]`)
    assert.deepEqual(answers, [Array.from({ length: 20 }, (_, n) => 2 * n), 'TypeError', 2])
  })

  await t.test('Python’s client hears of progress [4-070, 2-183]', async () => {
    const answer = await python.run(`
      seen = []
      def hear(body):
        seen.append(body['status'])
        if body['status'] == 'PROGRESS': (GATES / 'rpc-progress').touch()
      value = send('node.progress', 'rpc-progress').get(timeout=60, on_message=hear)
      return [seen, value]`)
    assert.deepEqual(answer, [['PROGRESS', 'SUCCESS'], 'finished'])
  })

  await t.test('a Python worker answers our client [4-070]', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => call('py.add', n, n)))
    const values = await Promise.all(results.map((result) => result.get({ timeout: 60 })))
    assert.deepEqual(
      values,
      Array.from({ length: 20 }, (_, n) => 2 * n),
    )
    await assert.rejects(call('py.fail', 'KeyError').get({ timeout: 60 }), {
      name: 'KeyError',
      message: 'missing',
    })
    const seen: string[] = []
    const value = await call('py.progress', 'rpc-progress-py').get({
      timeout: 60,
      onMessage({ status }) {
        seen.push(status)
        if (status === 'PROGRESS') openGate(place, 'rpc-progress-py')
      },
    })
    assert.deepEqual([seen, value], [['PROGRESS', 'SUCCESS'], 'finished'])
  })

  await t.test('chains across both answer the client that sent them [4-070, 3-060]', async () => {
    const value = await python.run(
      `return chain(node('add', 1, 1), py('mul', 5), node('add', 1)).delay().get(timeout=60)`,
    )
    assert.equal(value, 11)
    const ours = node.app
      .signature('py.add', { args: [1, 1] })
      .pipe(node.app.signature('node.mul', { args: [5] }))
      .pipe(node.app.signature('py.add', { args: [1] }))
    assert.equal(await ours.delay().get({ timeout: 60 }), 11)
  })
})
