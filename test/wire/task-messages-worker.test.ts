/**
 * Whole workflows: our canvas sends, our tracer runs what it sent, and what that sends, to the end. The messages must be
 * those that a worker of Celery 5.6 published for the same call.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { group } from '../../src/canvas/group.ts'
import { pipe } from '../../src/canvas/pipe.ts'
import { Reject } from '../../src/errors.ts'
import { Tracer } from '../../src/execution/tracer.ts'
import { createTaskTemplate, encodeTaskMessage } from '../../src/protocol/task-message.ts'
import { readCallFields } from '../../src/routing/call-fields.ts'
import { TaskSelf } from '../../src/task/context.ts'
import type { TaskCall, TaskContext, WireOptions } from '../../src/task/ports.ts'
import type { AnySignature } from '../../src/task/signature.ts'
import { isRecord } from '../../src/util/is-record.ts'
import { jobOf, RecordingHost, signature } from '../unit/execution/recording-host.ts'

const ID = 'aaaaaaaa-0000-4000-8000-000000000001'
const context = { reason: undefined, signal: new AbortController().signal, release: () => {} }

class GoldenError extends Error {}

/** The tasks of the golden application. */
function defineTasks(host: RecordingHost): void {
  host.task('golden.add', (x: number, y = 0) => x + y)
  host.task('golden.mul', (x: number, y: number) => x * y)
  host.task('golden.xsum', (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0))
  host.task('golden.echo', ({ request }: TaskContext) => [request.args, request.kwargs], { bind: true })
  const fail = (): never => {
    throw new GoldenError('it broke')
  }
  host.task('golden.fail', fail)
  host.task('golden.errback_old', (id: string) => id)
  host.task('golden.errback_new', (_request: unknown, _error: unknown, _traceback: unknown) => undefined)
  host.task('golden.autoretry', fail, { autoretryFor: [GoldenError], maxRetries: 1, defaultRetryDelay: 0.1 })
  const retry = async (self: TaskContext): Promise<unknown> => {
    if (self.request.retries < 1) throw await self.retry({ error: new GoldenError('again'), countdown: 0.2 })
    return self.request.retries
  }
  host.task('golden.retry', retry, { bind: true })
  const replace = (self: TaskContext, x: number): Promise<unknown> => {
    assert.ok(self instanceof TaskSelf)
    return self.replace(add(host, x, 100))
  }
  host.task('golden.replace', replace, { bind: true })
  const replaceGroup = (self: TaskContext, n: number): Promise<unknown> => {
    assert.ok(self instanceof TaskSelf)
    return self.replace(group(Array.from({ length: n }, (_, index) => add(host, index, index))))
  }
  host.task('golden.replace_group', replaceGroup, { bind: true })
  const spawn = async ({ request }: TaskContext, x: number): Promise<number> => {
    await add(host).send([x, 1], { task_id: `${request.id}-child` })
    return x
  }
  host.task('golden.spawn', spawn, { bind: true })
  host.task('golden.reject', () => Promise.reject(new Reject('no thanks')), { acksLate: true })
  const accumulate = (...args: unknown[]): unknown => {
    const { index } = Object(args.pop())
    return args[index]
  }
  host.task('celery.accumulate', accumulate)
}

function task(host: RecordingHost, name: string, args: readonly unknown[], more: object = {}): AnySignature {
  return host.signatureFrom(signature(`golden.${name}`, { args, ...more }))
}

function add(host: RecordingHost, ...args: readonly unknown[]): AnySignature {
  return task(host, 'add', args)
}

function chain(...tasks: readonly AnySignature[]): AnySignature {
  return tasks.reduce(pipe)
}

type Call = (host: RecordingHost) => PromiseLike<unknown>

function send(
  make: (host: RecordingHost) => AnySignature,
  options: (host: RecordingHost) => WireOptions = () => ({}),
): Call {
  return (host) => make(host).send([], options(host))
}

/** The calls of the golden entries, in our words. */
const CALLS: Readonly<Record<string, Call>> = {
  chain: send((h) => chain(add(h, 1, 2), add(h, 3), task(h, 'mul', [4])), withId),
  'chain-kwargs': send(
    (h) => chain(task(h, 'echo', [1], { kwargs: { k: 'a' } }), task(h, 'echo', [2], { kwargs: { k: 'b' } })),
    withId,
  ),
  'chain-immutable': send((h) => chain(add(h, 1, 2), task(h, 'add', [5, 6], { immutable: true })), withId),
  'chain-link-error': send(
    (h) => chain(task(h, 'fail', ['golden']), add(h, 3)),
    (h) => ({ task_id: ID, link_error: [task(h, 'errback_old', [])] }),
  ),
  'chain-headers': send(
    (h) => chain(add(h, 1, 2), add(h, 3)),
    () => ({ task_id: ID, headers: { tenant: 'a' } }),
  ),
  'chain-ignore-result': send(
    (h) => chain(add(h, 1, 2), add(h, 3)),
    () => ({ task_id: ID, ignore_result: true }),
  ),
  link: send(
    (h) => add(h, 2, 3),
    (h) => ({ task_id: ID, link: [add(h, 10)] }),
  ),
  'link-list': send(
    (h) => add(h, 2, 3),
    (h) => ({
      task_id: ID,
      link: [add(h, 10), task(h, 'mul', [3]), task(h, 'add', [7, 7], { immutable: true })],
    }),
  ),
  'link-group': send(
    (h) => add(h, 2, 3),
    (h) => ({ task_id: ID, link: [group([add(h, 1), add(h, 2)])] }),
  ),
  'link-and-chain': send((h) => {
    const first = add(h, 1, 2)
    first.addLink('link', task(h, 'mul', [9]))
    return chain(first, add(h, 3))
  }, withId),
  'link-error-old': failing((h) => [task(h, 'errback_old', [])]),
  'link-error-new': failing((h) => [task(h, 'errback_new', [])]),
  'link-error-list': failing((h) => [
    task(h, 'errback_old', []),
    task(h, 'errback_old', ['x'], { immutable: true }),
  ]),
  'link-error-other-app': failing((h) => [h.signatureFrom(signature('other.errback'))]),
  chord: send((h) =>
    pipe(group([add(h, 1, 1), add(h, 2, 2)]), task(h, 'xsum', [], { options: { task_id: ID } })),
  ),
  'chord-body-chain': send((h) =>
    chordOf([add(h, 1, 1), add(h, 2, 2)], chain(task(h, 'xsum', []), add(h, 10))),
  ),
  'chord-body-group': send((h) =>
    chordOf([add(h, 1, 1), add(h, 2, 2)], group([task(h, 'xsum', []), task(h, 'echo', [])])),
  ),
  'chord-of-chains': send((h) =>
    chordOf([chain(add(h, 1, 1), add(h, 2)), chain(add(h, 3, 3), add(h, 4))], task(h, 'xsum', [])),
  ),
  'chord-failing': send((h) => {
    const body = task(h, 'xsum', [])
    body.addLink('link_error', task(h, 'errback_old', []))
    return chordOf([add(h, 1, 1), task(h, 'fail', ['golden'])], body)
  }),
  'chord-nested': send((h) =>
    chordOf([chordOf([add(h, 1, 1), add(h, 2, 2)], task(h, 'xsum', [])), add(h, 3, 3)], task(h, 'xsum', [])),
  ),
  'chain-with-group': send((h) =>
    chain(add(h, 1, 1), group([add(h, 2), add(h, 3)]), task(h, 'xsum', []), add(h, 9)),
  ),
  'chain-ends-in-group': send((h) => chain(add(h, 1, 1), group([add(h, 2), add(h, 3)]))),
  'chain-of-groups': send((h) =>
    chain(
      group([add(h, 1, 1), add(h, 2, 2)]),
      group([task(h, 'echo', []), task(h, 'echo', [1])]),
      task(h, 'echo', []),
    ),
  ),
  replace: send((h) => task(h, 'replace', [5]), withId),
  'replace-in-chain': send((h) => chain(task(h, 'replace', [5]), task(h, 'mul', [2])), withId),
  'replace-in-chord': send((h) => chordOf([task(h, 'replace', [5]), add(h, 1, 1)], task(h, 'xsum', []))),
  'replace-group': send((h) => task(h, 'replace_group', [2]), withId),
  retry: send(
    (h) => task(h, 'retry', [1]),
    (h) => ({
      task_id: ID,
      priority: 4,
      headers: { tenant: 'a' },
      link: [add(h, 1)],
      shadow: 'sh',
      expires: 600,
    }),
  ),
  autoretry: send((h) => task(h, 'autoretry', []), withId),
  child: send((h) => task(h, 'spawn', [1]), withId),
  'reject-requeue': send((h) => task(h, 'reject', []), withId),
}

function withId(): WireOptions {
  return { task_id: ID }
}

function failing(errbacks: (host: RecordingHost) => AnySignature[]): Call {
  return send(
    (h) => task(h, 'fail', ['golden']),
    (h) => ({ task_id: ID, link_error: errbacks(h) }),
  )
}

function chordOf(header: readonly AnySignature[], body: AnySignature): AnySignature {
  const { host } = body
  return host.signatureFrom(
    signature('celery.chord', {
      type: 'chord',
      kwargs: { header: header.map((each) => each.toJSON()), body: body.toJSON(), kwargs: {} },
    }),
  )
}

interface Message {
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

/** Sends a call, runs everything to its end, and gives the messages that running sent. */
async function play(call: Call): Promise<Message[]> {
  const host = new RecordingHost()
  defineTasks(host)
  await call(host)
  const ofClient = host.sent.length
  const tracer = new Tracer(host.execution())
  const messages: Message[] = []
  for (let index = 0; index < host.sent.length; index += 1) {
    const sent = host.sent[index]
    assert.ok(sent)
    const data = dataOf(host, sent)
    const { headers, body } = encodeTaskMessage(createTaskTemplate({ task: sent.name, origin: '' }), data)
    if (index >= ofClient) messages.push({ headers, body: JSON.parse(JSON.stringify(body)) })
    if (host.tasks.has(sent.name)) await tracer.run(jobOf(sent.name, sent.args, data), context)
  }
  return messages
}

function dataOf(
  host: RecordingHost,
  { id, args, kwargs, options }: TaskCall,
): Parameters<typeof jobOf>[2] & {
  readonly id: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly argsrepr: string
  readonly kwargsrepr: string
} {
  return { ...readCallFields(options, host.clock.now()), id, args, kwargs, argsrepr: '', kwargsrepr: '' }
}

/** What differs from run to run, or says who sent it. */
const VOLATILE = ['lang', 'origin', 'eta', 'expires', 'argsrepr', 'kwargsrepr', 'reply_to']
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** The messages with their keys in order and their ids by order of appearance. */
function canonical(messages: readonly Message[]): unknown {
  const text = JSON.stringify(messages, (key, value: unknown) => {
    if (VOLATILE.includes(key)) return undefined
    // The rest of a chain that has no rest is a list in Celery; null says the same.
    if (key === 'chain' && Array.isArray(value) && value.length === 0) return null
    if (!isRecord(value)) return value
    // The chain in which Celery puts what follows a chord bears the id of the header, which nobody asks for: the
    // result is that of its last task.
    if (value['subtask_type'] === 'chain' && isRecord(value['options'])) {
      const { task_id: _id, priority: _priority, ...options } = value['options']
      return sorted({ ...value, options })
    }
    return sorted(value)
  })
  const seen = new Map<string, string>()
  return JSON.parse(
    text.replaceAll(UUID, (id) => {
      if (!seen.has(id)) seen.set(id, `id ${seen.size + 1}`)
      return seen.get(id) ?? id
    }),
  )
}

function sorted(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function golden(): Map<string, Message[]> {
  const document: unknown = JSON.parse(
    readFileSync(new URL('vectors/task-messages-worker.json', import.meta.url), 'utf8'),
  )
  assert.ok(isRecord(document) && Array.isArray(document['entries']))
  return new Map(
    document['entries'].map(({ name, messages }) => [
      name,
      messages.map(({ headers, body }: { headers: Message['headers']; body: string }) => ({
        headers,
        body: JSON.parse(body),
      })),
    ]),
  )
}

suite('workflows run to their end send what a worker of Celery 5.6 sends', () => {
  const entries = golden()
  for (const [name, call] of Object.entries(CALLS)) {
    test(name, async () => {
      assert.deepEqual(canonical(await play(call)), canonical(entries.get(name) ?? []))
    })
  }
})
