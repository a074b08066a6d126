/** Messages that nobody should send, and ordinary ones between them: made from a seed, so that a run can be repeated. */
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import type { MessageProperties, OutgoingMessage } from '../../src/messaging/message.ts'
import { goldenMessages } from './golden-messages.ts'
import { NASTY_TEXTS, NASTY_VALUES } from './nasty-values.ts'

/** A message, and what was done to it. */
export interface HostileMessage {
  readonly kind: string
  readonly message: OutgoingMessage
}

/** Names of tasks that the golden messages call. */
export const GOLDEN_TASKS: readonly string[] = [
  ...new Set(goldenMessages().map(({ headers, body }) => taskOf(headers, body))),
].filter((name) => name.startsWith('golden.'))

/** Makes `count` messages. The same seed gives the same messages. */
export function* hostileMessages(seed: number, count: number): Generator<HostileMessage> {
  const arbitrary = hostileMessage()
  for (let from = 0; from < count; from += BATCH) {
    const numRuns = Math.min(BATCH, count - from)
    yield* fc.sample(arbitrary, { seed: seed + from, numRuns })
  }
}

/** fast-check grows its values within a sample; several samples give small and large ones in turn. */
const BATCH = 500

interface Draft {
  readonly kind: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly properties: MessageProperties
  readonly body: Buffer
}

function hostileMessage(): fc.Arbitrary<HostileMessage> {
  const golden = fc.constantFrom(...goldenMessages()).map(
    ({ headers, properties, body }): Draft => ({
      kind: 'golden',
      headers,
      properties: propertiesOf(properties),
      body,
    }),
  )
  const draft = fc.oneof(
    { weight: 2, arbitrary: ordinary() },
    { weight: 1, arbitrary: golden },
    { weight: 5, arbitrary: fc.tuple(golden, headerName(), hostileValue()).map(withHeader) },
    {
      weight: 3,
      arbitrary: fc.tuple(ordinary(), fc.dictionary(headerName(), hostileValue())).map(withHeaders),
    },
    { weight: 1, arbitrary: fc.tuple(golden, fc.nat()).map(withoutHeader) },
    { weight: 2, arbitrary: fc.tuple(golden, fc.nat()).map(cut) },
    { weight: 2, arbitrary: fc.tuple(golden, fc.nat(), fc.nat(255)).map(flip) },
    { weight: 2, arbitrary: fc.tuple(golden, contentType(), contentEncoding()).map(withContentType) },
    { weight: 2, arbitrary: fc.tuple(golden, compression(), fc.boolean(), fc.nat()).map(withCompression) },
    { weight: 4, arbitrary: fc.tuple(ordinary(), hostileBody()).map(withBody) },
    { weight: 3, arbitrary: fc.tuple(ordinary(), hostileEmbed()).map(withEmbed) },
    { weight: 2, arbitrary: protocol1() },
    { weight: 1, arbitrary: noise() },
    { weight: 1, arbitrary: fc.tuple(ordinary(), fc.constantFrom(...NASTY_TEXTS)).map(withText) },
  )
  return draft.map(({ kind, headers, properties, body }) => ({
    kind,
    message: { headers, properties, body },
  }))
}

/** A call that is in order. */
function ordinary(): fc.Arbitrary<Draft> {
  return fc.record({ id: fc.uuid(), task: taskName(), args: fc.array(fc.jsonValue(), { maxLength: 4 }) }).map(
    ({ id, task, args }): Draft => ({
      kind: 'ordinary',
      headers: {
        lang: 'py',
        task,
        id,
        root_id: id,
        parent_id: null,
        group: null,
        retries: 0,
        eta: null,
        expires: null,
      },
      properties: { contentType: 'application/json', contentEncoding: 'utf-8', correlationId: id },
      body: json([args, {}, NO_EMBED]),
    }),
  )
}

function taskName(): fc.Arbitrary<string> {
  return fc.constantFrom(
    'fuzz.echo',
    'fuzz.throw',
    'fuzz.strict',
    'fuzz.late',
    'fuzz.ignored',
    ...GOLDEN_TASKS,
  )
}

const NO_EMBED = { callbacks: null, errbacks: null, chain: null, chord: null }

function withHeader([draft, name, value]: [Draft, string, unknown]): Draft {
  return { ...draft, kind: `header ${name}`, headers: own({ ...draft.headers }, name, value) }
}

function withHeaders([draft, more]: [Draft, Record<string, unknown>]): Draft {
  const headers = Object.entries(more).reduce((all, [name, value]) => own(all, name, value), {
    ...draft.headers,
  })
  return { ...draft, kind: 'headers', headers }
}

function withoutHeader([draft, at]: [Draft, number]): Draft {
  const names = Object.keys(draft.headers)
  const name = names[at % Math.max(1, names.length)] ?? ''
  const { [name]: _, ...headers } = draft.headers
  return { ...draft, kind: `no header ${name}`, headers }
}

function cut([draft, at]: [Draft, number]): Draft {
  return { ...draft, kind: 'cut', body: draft.body.subarray(0, at % Math.max(1, draft.body.length)) }
}

function flip([draft, at, byte]: [Draft, number, number]): Draft {
  const body = Buffer.from(draft.body)
  if (body.length > 0) body[at % body.length] = byte
  return { ...draft, kind: 'flipped', body }
}

function withContentType([draft, type, encoding]: [Draft, string | undefined, string | undefined]): Draft {
  const { contentType: _, contentEncoding: __, ...properties } = draft.properties
  return {
    ...draft,
    kind: `type ${type}`,
    properties: {
      ...properties,
      ...(type === undefined ? {} : { contentType: type }),
      ...(encoding === undefined ? {} : { contentEncoding: encoding }),
    },
  }
}

function withCompression([draft, name, compress, at]: [Draft, unknown, boolean, number]): Draft {
  const packed = deflateSync(draft.body)
  const body = compress ? packed.subarray(0, at % 3 === 0 ? packed.length : at % packed.length) : draft.body
  return {
    ...draft,
    kind: `compression ${String(name)}`,
    headers: { ...draft.headers, compression: name },
    body,
  }
}

function withBody([draft, body]: [Draft, unknown]): Draft {
  return { ...draft, kind: 'body', body: json(body) }
}

function withEmbed([draft, embed]: [Draft, unknown]): Draft {
  return { ...draft, kind: 'embed', body: json([[1], {}, embed]) }
}

function withText([draft, text]: [Draft, string]): Draft {
  return { ...draft, kind: `text ${text.slice(0, 20)}`, body: Buffer.from(text) }
}

function hostileBody(): fc.Arbitrary<unknown> {
  return fc.oneof(
    hostileValue(),
    fc.tuple(hostileValue(), hostileValue(), hostileValue()),
    fc.tuple(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), hostileValue()),
    fc.array(hostileValue(), { maxLength: 6 }),
  )
}

/** What is to follow, of every wrong shape; signatures among it that are nearly right. */
function hostileEmbed(): fc.Arbitrary<unknown> {
  const part = fc.oneof(
    { weight: 1, arbitrary: hostileValue() },
    { weight: 2, arbitrary: signature() },
    { weight: 3, arbitrary: fc.array(signature(), { maxLength: 3 }) },
  )
  return fc.record({ callbacks: part, errbacks: part, chain: part, chord: part }, { requiredKeys: [] })
}

function signature(): fc.Arbitrary<unknown> {
  const tied = fc.letrec((tie) => ({
    signature: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      tie('plain'),
      hostileValue(),
      tie('composite'),
    ),
    plain: fc.record(
      {
        task: fc.oneof(taskName(), hostileValue()),
        args: fc.oneof(fc.constant([]), fc.array(fc.jsonValue(), { maxLength: 2 }), hostileValue()),
        kwargs: fc.oneof(fc.constant({}), hostileValue()),
        options: fc.oneof(fc.constant({}), options()),
        subtask_type: fc.oneof(
          fc.constant(null),
          fc.constantFrom('chain', 'group', 'chord', 'nonsense'),
          hostileValue(),
        ),
        immutable: fc.oneof(fc.boolean(), hostileValue()),
        chord_size: hostileValue(),
      },
      { requiredKeys: ['task'] },
    ),
    composite: fc
      .tuple(
        fc.constantFrom('chain', 'group', 'chord'),
        fc.array(tie('signature'), { maxLength: 3 }),
        tie('signature'),
      )
      .map(([type, tasks, body]) => ({
        task: `celery.${type}`,
        args: [],
        kwargs: type === 'chord' ? { header: tasks, body } : { tasks },
        options: {},
        subtask_type: type,
        immutable: false,
      })),
  }))
  return tied.signature
}

function options(): fc.Arbitrary<unknown> {
  return fc.record(
    {
      task_id: fc.oneof(fc.uuid(), hostileValue()),
      group_id: fc.oneof(fc.uuid(), hostileValue()),
      reply_to: hostileValue(),
      root_id: hostileValue(),
      parent_id: hostileValue(),
      chord: hostileValue(),
      link: hostileValue(),
      link_error: hostileValue(),
      countdown: hostileValue(),
      eta: hostileValue(),
      expires: hostileValue(),
      priority: hostileValue(),
      serializer: hostileValue(),
      compression: hostileValue(),
      headers: hostileValue(),
      time_limit: hostileValue(),
      queue: hostileValue(),
      exchange: hostileValue(),
      retries: hostileValue(),
      stamped_headers: hostileValue(),
    },
    { requiredKeys: [] },
  )
}

function protocol1(): fc.Arbitrary<Draft> {
  return fc
    .record(
      {
        task: fc.oneof({ weight: 4, arbitrary: taskName() }, { weight: 1, arbitrary: hostileValue() }),
        id: fc.oneof({ weight: 4, arbitrary: fc.uuid() }, { weight: 1, arbitrary: hostileValue() }),
        args: fc.oneof(fc.array(fc.jsonValue()), hostileValue()),
        kwargs: fc.oneof(fc.constant({}), hostileValue()),
        retries: hostileValue(),
        eta: hostileValue(),
        expires: hostileValue(),
        utc: hostileValue(),
        callbacks: hostileValue(),
        errbacks: hostileValue(),
        timelimit: hostileValue(),
        taskset: hostileValue(),
        chord: hostileValue(),
      },
      { requiredKeys: ['task', 'id'] },
    )
    .map(
      (body): Draft => ({
        kind: 'protocol 1',
        headers: {},
        properties: { contentType: 'application/json', contentEncoding: 'utf-8' },
        body: json(body),
      }),
    )
}

function noise(): fc.Arbitrary<Draft> {
  return fc
    .tuple(
      fc.uint8Array({ maxLength: 300 }),
      fc.dictionary(headerName(), hostileValue()),
      contentType(),
      contentEncoding(),
    )
    .map(([bytes, headers, type, encoding]) =>
      withContentType([{ kind: 'noise', headers, properties: {}, body: Buffer.from(bytes) }, type, encoding]),
    )
}

const HEADERS = [
  ...[
    'lang',
    'task',
    'id',
    'shadow',
    'eta',
    'expires',
    'group',
    'group_index',
    'retries',
    'timelimit',
    'root_id',
  ],
  ...[
    'parent_id',
    'argsrepr',
    'kwargsrepr',
    'origin',
    'ignore_result',
    'replaced_task_nesting',
    'stamped_headers',
  ],
  ...[
    'stamps',
    'compression',
    '__proto__',
    'constructor',
    'x-death',
    'celeriac_death',
    'redelivered',
    'hostname',
  ],
]

function headerName(): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...HEADERS) },
    { weight: 1, arbitrary: fc.string() },
  )
}

function contentType(): fc.Arbitrary<string | undefined> {
  return fc.constantFrom(
    ...['application/json', 'application/x-yaml', 'application/x-msgpack', 'application/x-python-serialize'],
    ...[
      'application/data',
      'application/text',
      'text/plain',
      'application/x-nonsense',
      '',
      '__proto__',
      undefined,
    ],
  )
}

function contentEncoding(): fc.Arbitrary<string | undefined> {
  return fc.constantFrom('utf-8', 'binary', 'us-ascii', 'utf-16', 'latin-1', 'nonsense', '', undefined)
}

function compression(): fc.Arbitrary<unknown> {
  return fc.constantFrom(
    ...[
      'application/x-gzip',
      'application/x-bz2',
      'application/x-lzma',
      'application/zstd',
      'application/x-brotli',
    ],
    ...['gzip', 'nonsense', '', '__proto__', null, 5, {}],
  )
}

/** Anything that JSON or AMQP can carry, what hurts most among it. */
function hostileValue(): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...NASTY_VALUES) },
    { weight: 1, arbitrary: fc.jsonValue() },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    { weight: 1, arbitrary: fc.double() },
  )
}

/** Sets a key of that very name, whatever it is called. */
function own(object: Record<string, unknown>, name: string, value: unknown): Record<string, unknown> {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  return object
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value) ?? 'null')
}

function propertiesOf(wire: Readonly<Record<string, unknown>>): MessageProperties {
  const {
    content_type: type,
    content_encoding: encoding,
    correlation_id: id,
    reply_to: replyTo,
    priority,
  } = wire
  return {
    ...(typeof type === 'string' ? { contentType: type } : {}),
    ...(typeof encoding === 'string' ? { contentEncoding: encoding } : {}),
    ...(typeof id === 'string' ? { correlationId: id } : {}),
    ...(typeof replyTo === 'string' ? { replyTo } : {}),
    ...(typeof priority === 'number' ? { priority } : {}),
  }
}

function taskOf(headers: Readonly<Record<string, unknown>>, body: Buffer): string {
  if (typeof headers['task'] === 'string') return headers['task']
  return /"task": "(golden\.[^"]+)"/.exec(body.toString())?.[1] ?? ''
}
