/** Signed messages between Python and us: tasks, results, remote control, events, and what is forged. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSerializerRegistry } from '../../src/messaging/serialization/registry.ts'
import type { CeleryEvent } from '../../src/protocol/events.ts'
import { CertificateStore } from '../../src/security/certificate-store.ts'
import { digestOf } from '../../src/security/digest.ts'
import { SecureSerializer } from '../../src/security/secure-serializer.ts'
import { onCleanup } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { needsPython, runPython } from '../support/python.ts'
import {
  certificateFile,
  certificateFolder,
  keyFile,
  readCertificate,
  readKey,
  securitySettings,
} from '../support/signers.ts'
import { BROKERS, needsPartners, startNodeApp, startNodeWorker, startPlace, startPython } from './partners.ts'
import { startPythonClient } from './python-client.ts'

const trust = ['alice', 'bob']
const signed = { result_serializer: 'auth', event_serializer: 'auth' }
const NEEDED = needsPython('cryptography').skip

for (const broker of BROKERS) {
  test(`Python and we sign for each other: ${broker}`, {
    skip: needsPartners(broker).skip || NEEDED,
  }, async (t) => {
    const place = await startPlace(t, broker, {
      settings: { ...signed, ...securitySettings(t, { as: 'bob', trust }) },
    })
    const node = startNodeApp(t, place)
    const { app } = node
    app.conf.update({ ...signed, ...securitySettings(t, { as: 'alice', trust }) })
    app.setupSecurity()
    const [python] = await Promise.all([
      startPythonClient(t, place.env),
      startNodeWorker(t, node, { taskEvents: true, hostname: 'node@test' }),
      startPython(t, place, ['-c', '1', '-Q', 'py', '-E']),
    ])

    await t.test(
      'tasks and results, from either to either [5-035, 5-138..5-143, 2-029, 10-047]',
      async () => {
        const answers = await python.run(`
        return [get('node.add', 2, 3), get('node.echo', 'Größe 大小 🎉', kwargs={'a': None}),
                chain(node('add', 1, 2), py('add', 3), node('mul', 10)).delay().get(timeout=60),
                chord([node('add', n, n) for n in range(3)], py('xsum')).delay().get(timeout=60),
                get('node.add', 1, 1, task_id='signed')]`)
        assert.deepEqual(answers, [5, ['Größe 大小 🎉', { a: null }], 60, 6, 2])
        assert.equal(
          await app
            .signature('py.add', { args: [4, 5] })
            .delay()
            .get({ timeout: 60 }),
          9,
        )
        const [stored] = await place.redis.command('GET celery-task-meta-signed')
        assert.match(stored ?? '', /^[A-Za-z0-9+/]+=*$/)
      },
    )

    await t.test('remote control [10-047]', async () => {
      const nodes = await python.run(`
        return sorted(name for reply in app.control.ping(timeout=60, limit=2) for name in reply)`)
      assert.ok(Array.isArray(nodes))
      assert.deepEqual(
        nodes.map((name) => String(name).split('@')[0]),
        ['node', 'python'],
      )
      const ours = await app.control.ping({ limit: 2, timeout: 60 })
      assert.deepEqual(ours.flatMap((reply) => Object.keys(reply)).sort(), nodes)
    })

    await t.test('events [10-047]', async (t) => {
      const seen: CeleryEvent[] = []
      const stop = new AbortController()
      const ready = Promise.withResolvers<void>()
      const receiver = app.events.receiver({
        accept: ['auth'],
        handlers: { '*': (event) => void seen.push(event) },
      })
      const capturing = receiver.capture({ signal: stop.signal, onConsumeReady: ready.resolve })
      const abort = (): void => stop.abort()
      onCleanup(t, () => capturing, abort)
      onCleanup(t, async () => abort(), abort)
      await ready.promise
      const theirs = await python.run(`
        import threading
        seen, ready = [], threading.Event()
        def watch():
          with app.connection_for_read() as connection:
            receiver = app.events.Receiver(connection, handlers={'*': seen.append}, accept={'auth'})
            receiver.on_consume_ready = lambda *_, **__: ready.set()
            receiver.capture()
        threading.Thread(target=watch, daemon=True).start()
        ready.wait(60)
        results = [send('node.add', 1, 1), send('py.add', 1, 1)]
        ids = [result.id for result in results]
        until(lambda: {e['uuid'] for e in seen if e['type'] == 'task-succeeded'} >= set(ids))
        return ids`)
      assert.ok(Array.isArray(theirs))
      await eventually(() => {
        const ended = seen.filter(({ type }) => type === 'task-succeeded').map((event) => event['uuid'])
        assert.ok(
          theirs.every((id) => ended.includes(id)),
          JSON.stringify(ended),
        )
      })
    })

    await t.test(
      'what Python did not sign, or a stranger did, is kept with the reason [5-142, 10-048]',
      async () => {
        const answers = await python.run(
          `
        from celery.security.serialization import register_auth
        def dead(result):
          message = until(dead_letter)
          death = message.headers['celeriac_death']
          return [message.headers['id'] == result.id, death['reason'], death['detail'].split(':')[0]]
        answers = [dead(send('node.echo', 'unsigned', serializer='json'))]
        register_auth(open(key).read(), None, open(cert).read(), app.conf.security_cert_store)
        answers.append(dead(send('node.echo', 'from a stranger')))
        app.setup_security()
        return [*answers, get('node.add', 1, 1)]`,
          { key: keyFile('alice'), cert: certificateFile('odd-issuer') },
        )
        assert.deepEqual(answers, [
          [true, 'disallowed', 'Refusing to decode content of type json (application/json)'],
          [true, 'disallowed', 'Unknown certificate'],
          2,
        ])
      },
    )
  })
}

test('Python reads what we sign, in every form [5-138..5-141, 5-143, 1-128]', {
  skip: needsPython().skip || NEEDED,
}, async (t) => {
  const registry = createSerializerRegistry()
  await registry.ready('yaml')
  const value = [[2, 'zwölf 🎉'], {}, { callbacks: null }]
  const messages = ['json', 'yaml', 'msgpack'].flatMap((inner) =>
    ['sha1', 'sha256', 'sha512', 'sha3_256'].map((digest) => {
      const serializer = new SecureSerializer({
        key: readKey('alice'),
        certificate: readCertificate('odd-issuer'),
        store: new CertificateStore(),
        digest: digestOf(digest),
        serializer: registry.get(inner),
        allowed: [],
        now: () => Date.UTC(2030, 0, 1),
      })
      return [digest, Buffer.from(serializer.encode(value)).toString()]
    }),
  )
  const output = await runPython(
    `
import json, sys
from celery.security.certificate import FSCertStore
from celery.security.serialization import SecureSerializer
store = FSCertStore(sys.argv[1])
print(json.dumps([SecureSerializer(cert_store=store, digest=digest).deserialize(body) for digest, body in json.loads(sys.argv[2])]))
`,
    [certificateFolder(t, 'odd-issuer'), JSON.stringify(messages)],
  )
  assert.deepEqual(
    JSON.parse(output),
    messages.map(() => value),
  )
})
