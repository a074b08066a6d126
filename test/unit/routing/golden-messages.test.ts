import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Broadcast } from '../../../src/messaging/broadcast.ts'
import { Exchange, Queue } from '../../../src/messaging/entity.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import type { GoldenApp } from '../app/golden-app.ts'
import {
  assertGolden,
  createGoldenApp,
  ID,
  loadGolden,
  queuesOf,
  sentMessages,
  withRequest,
} from '../app/golden-app.ts'

type Call = (golden: GoldenApp) => unknown

/** Calls by the name of the entry: the same as its Python. */
const CALLS: Readonly<Record<string, Call>> = {
  args: ({ add }) => add.applyAsync([2, 3], { taskId: ID }),
  kwargs: ({ add }) => add.applyAsync({ kwargs: { x: 2, y: 3 }, taskId: ID }),
  'args+kwargs': ({ add }) => add.applyAsync([2], { kwargs: { y: 3 }, taskId: ID }),
  'no-args': ({ noargs }) => noargs.applyAsync({ taskId: ID }),
  delay: ({ add }) => add.delay(2, 3),
  signature: ({ add }) => add.s(2, 3).set({ priority: 4, queue: 'other' }).applyAsync({ taskId: ID }),
  // Python shows a list as a list; here arguments are always shown as a tuple.
  send_task: ({ app }) => app.sendTask('other.lang.task', [1], { k: 'v' }, { taskId: ID, argsrepr: '[1]' }),
  unicode: ({ echo }) =>
    echo.applyAsync(['snö ☃ 😀', 'quote\' and "double"', 'nl\n tab\t'], {
      kwargs: { ключ: 'значение' },
      taskId: ID,
    }),
  'eta-utc': ({ add }) => add.applyAsync([2, 3], { taskId: ID, eta: new Date('2030-01-02T04:00:00Z') }),
  'eta-naive': ({ add }) => add.applyAsync([2, 3], { taskId: ID, eta: '2030-01-02T04:00:00' }),
  'eta-offset': ({ add }) => add.applyAsync([2, 3], { taskId: ID, eta: '2030-01-02T04:00:00+05:30' }),
  countdown: ({ add }) => add.applyAsync([2, 3], { taskId: ID, countdown: 10 }),
  'countdown-float': ({ add }) => add.applyAsync([2, 3], { taskId: ID, countdown: '1500ms' }),
  'countdown-zero': ({ add }) => add.applyAsync([2, 3], { taskId: ID, countdown: 0 }),
  'expires-seconds': ({ add }) => add.applyAsync([2, 3], { taskId: ID, expires: 60 }),
  'countdown+expires': ({ add }) => add.applyAsync([2, 3], { taskId: ID, countdown: 10, expires: '1m' }),
  'priority-0': ({ add }) => add.applyAsync([2, 3], { taskId: ID, priority: 0 }),
  'priority-9': ({ add }) => add.applyAsync([2, 3], { taskId: ID, priority: 9 }),
  'time-limits': ({ add }) => add.applyAsync([2, 3], { taskId: ID, timeLimit: 30, softTimeLimit: 20 }),
  'time-limit-float': ({ add }) => add.applyAsync([2, 3], { taskId: ID, timeLimit: 0.5 }),
  shadow: ({ add }) => add.applyAsync([2, 3], { taskId: ID, shadow: 'golden.add-alias' }),
  'ignore-result': ({ add }) => add.applyAsync([2, 3], { taskId: ID, ignoreResult: true }),
  'task-ignore-result': ({ ignored }) => ignored.applyAsync([1], { taskId: ID }),
  'group-id-index': ({ add }) => add.applyAsync([2, 3], { taskId: ID, groupId: 'my-group', groupIndex: 4 }),
  'root-parent': ({ add }) =>
    add.applyAsync([2, 3], { taskId: ID, rootId: 'my-root', parentId: 'my-parent' }),
  'reply-to': ({ add }) => add.applyAsync([2, 3], { taskId: ID, replyTo: 'my-reply-queue' }),
  'custom-headers': ({ add }) =>
    add.applyAsync([2, 3], {
      taskId: ID,
      headers: { tenant: 'a', n: 5, f: 0.5, t: true, none: null, l: [1, 'b'], d: { k: 1 } },
    }),
  'header-overrides': ({ add }) =>
    add.applyAsync([2, 3], { taskId: ID, headers: { lang: 'xx', argsrepr: 'mine' } }),
  'argsrepr-given': ({ add }) =>
    add.applyAsync([2, 3], { taskId: ID, argsrepr: '(<secret>, 3)', kwargsrepr: '{}' }),
  transient: ({ add }) => add.applyAsync([2, 3], { taskId: ID, deliveryMode: 1 }),
  'message-properties': ({ add }) =>
    add.applyAsync([2, 3], {
      taskId: ID,
      properties: {
        message_id: 'm-1',
        type: 't',
        app_id: 'app',
        user_id: 'guest',
        timestamp: 1893553445,
        cluster_id: 'c',
      },
    }),
  queue: ({ add }) => add.applyAsync([2, 3], { taskId: ID, queue: 'other' }),
  'routing-key-only': ({ add }) => add.applyAsync([2, 3], { taskId: ID, routingKey: 'golden.key' }),
  'in-task': ({ app, add }) =>
    withRequest(app, add, { rootId: 'run-root' }, () => add.applyAsync([2, 3], { taskId: ID })),
  'task-retry': ({ app, add }) =>
    withRequest(app, add, { args: [2, 3], rootId: 'run-root', parentId: 'run-parent', retries: 1 }, (self) =>
      self.retry({ countdown: 5, throw: false }),
    ),
  'task-retry-full': ({ app, add, errbackOld }) =>
    withRequest(
      app,
      add,
      {
        args: [2, 3],
        rootId: 'run-root',
        group: 'grp',
        groupIndex: 2,
        expires: '2030-01-02T03:05:00+00:00',
        timelimit: [30, 20],
        replyTo: 'rq',
        headers: { tenant: 'a', 'x-death': [{ count: 1 }] },
        callbacks: [add.s(1).toJSON()],
        errbacks: [errbackOld.signature().toJSON()],
        chain: [add.s(9).toJSON()],
        deliveryInfo: {
          exchange: '',
          routingKey: 'golden-rk',
          priority: 4,
          redelivered: false,
          isEager: false,
        },
        stampedHeaders: ['s'],
        stamps: { s: ['v'] },
        shadow: 'sh',
      },
      (self) => self.retry({ countdown: 5, throw: false }),
    ),
  link: ({ add }) => add.applyAsync([2, 3], { taskId: ID, link: add.s(10) }),
  'link-list': ({ add, mul }) =>
    add.applyAsync([2, 3], {
      taskId: ID,
      link: [add.s(10), mul.si(4, 5), add.s(1).set({ queue: 'other', countdown: 3 })],
    }),
  'link-error': ({ add, errbackOld }) => add.applyAsync([2, 3], { taskId: ID, linkError: errbackOld.s() }),
  'link-error-list': ({ add, errbackOld, errbackNew }) =>
    add.applyAsync([2, 3], { taskId: ID, linkError: [errbackOld.s(), errbackNew.s()] }),
  'link-with-callbacks': ({ add, errbackOld }) =>
    add.applyAsync([2, 3], { taskId: ID, link: add.s(1).linkError(errbackOld.s()) }),
}

const golden = loadGolden('task-messages-v2.json')

suite('a call becomes the message that Celery sends', () => {
  for (const [name, call] of Object.entries(CALLS)) {
    test(`${name} [2-112 3-001 5-018]`, async () => {
      const entry = golden.get(name)
      if (entry === undefined) throw new Error(`there is no golden entry ${name}`)
      const app = createGoldenApp()
      await call(app)
      assertGolden(await sentMessages(app.app, queuesOf(entry)), entry.messages)
      await app.app.close()
    })
  }

  test('expires-float: milliseconds that a number of seconds has no room for are cut [3-005]', async () => {
    const { app, add } = createGoldenApp()
    await add.applyAsync([2, 3], { taskId: ID, expires: 1.2345 })
    assertProperty(await sentMessages(app, ['celery']), 'expiration', '1234')
  })

  test('task options are those of its calls: task-defaults [2-109 3-028 5-016]', async () => {
    const { app, defaults } = createGoldenApp()
    await defaults.applyAsync([1], { taskId: ID })
    const [message] = await sentMessages(app, ['golden-defaults'])
    const { properties = {}, headers = {} } = message ?? {}
    assertProperty([{ properties }], 'priority', 7)
    assertProperty([{ properties }], 'expiration', '120000')
    assertProperty([{ properties: headers }], 'timelimit', [60, 50])
    assertProperty([{ properties: headers }], 'compression', 'application/x-gzip')
    assertProperty([{ properties: headers }], 'expires', '2030-01-02T03:06:05.678000+00:00')
  })
})

/** Entries that differ by settings; all are `add.apply_async((2, 3), task_id=ID)`. */
const SETTINGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'default-queue': { taskDefaultQueue: 'golden-default' },
  'delivery-mode-transient': { taskDefaultDeliveryMode: 'transient', taskDefaultQueue: 'g-transient' },
  'queue-max-priority': { taskQueueMaxPriority: 10, taskDefaultPriority: 5, taskDefaultQueue: 'g-maxpri' },
  'routes-dict': { taskRoutes: { 'golden.add': { queue: 'routed', priority: 3 } } },
  'routes-glob': { taskRoutes: { 'golden.*': 'routed-glob' } },
  task_ignore_result: { taskIgnoreResult: true },
  'backend-none': {},
}

/** Entries whose messages go through an exchange; the queue in which they arrive. */
const EXCHANGES: Readonly<
  Record<string, readonly [queue: string, call: Call, settings?: Record<string, unknown>]>
> = {
  'exchange+key': [
    'celery',
    ({ add }) => add.applyAsync([2, 3], { taskId: ID, exchange: 'celery', routingKey: 'celery' }),
  ],
  'topic-queue': [
    'golden-topic-q',
    ({ add }) => {
      const exchange = new Exchange('golden-topic', { type: 'topic' })
      const queue = new Queue('golden-topic-q', { exchange, routingKey: 'golden.#' })
      return add.applyAsync([2, 3], { taskId: ID, queue, routingKey: 'golden.abc' })
    },
  ],
  'default-exchange-topic': [
    'gq',
    ({ add }) => add.applyAsync([2, 3], { taskId: ID }),
    {
      taskDefaultQueue: 'gq',
      taskDefaultExchange: 'gx',
      taskDefaultExchangeType: 'topic',
      taskDefaultRoutingKey: 'g.key',
    },
  ],
}

suite('settings change messages as they do in Celery', () => {
  for (const [name, settings] of Object.entries(SETTINGS)) {
    test(`${name} [10-017 10-018 10-026 10-027]`, async () => {
      const entry = golden.get(name)
      assert.ok(entry !== undefined)
      const { app, add } = createGoldenApp(settings)
      await add.applyAsync([2, 3], { taskId: ID })
      assertGolden(await sentMessages(app, queuesOf(entry)), entry.messages)
    })
  }

  for (const [name, [queue, call, settings = {}]] of Object.entries(EXCHANGES)) {
    test(`${name} [3-009 3-030 3-031]`, async () => {
      const entry = golden.get(name)
      assert.ok(entry !== undefined)
      const app = createGoldenApp(settings)
      await call(app)
      const [message] = await sentMessages(app.app, [queue])
      assert.ok(message !== undefined)
      const [wanted] = entry.messages
      assert.ok(wanted !== undefined)
      const place = name === 'exchange+key' ? { exchange: 'celery', routingKey: 'celery' } : undefined
      assertGolden([message], [{ ...wanted, ...place }])
    })
  }

  test('a broadcast is published to its exchange and never declared by the sender [3-015 10-033]', async () => {
    const { app, add } = createGoldenApp()
    const published: string[] = []
    app.signals.afterTaskPublish.connect(({ exchange, routingKey }) =>
      published.push(`${exchange} ${routingKey}`),
    )
    await add.applyAsync([2, 3], { queue: new Broadcast('golden-broadcast') })
    assert.deepEqual(published, ['golden-broadcast celery'])
  })

  test('what has expired already is sent with an expiration of 0 and a warning [3-005]', async () => {
    const warnings: string[] = []
    const logger = {
      ...silentLogger,
      warn: (message: string) => void warnings.push(message),
      child: () => logger,
    }
    const { app, add } = createGoldenApp({ logger })
    const seen: unknown[] = []
    app.signals.beforeTaskPublish.connect(({ properties }) => seen.push(properties['expiration']))
    await add.applyAsync([2, 3], { expires: new Date('2020-01-01T00:00:00Z') })
    assert.deepEqual(seen, ['0'])
    assert.match(warnings.join(), /expired 315716645.678 s before it was sent/)
  })
})

function assertProperty(
  messages: readonly { readonly properties: Readonly<Record<string, unknown>> }[],
  name: string,
  value: unknown,
): void {
  assert.equal(messages.length, 1)
  assert.deepEqual(messages[0]?.properties[name], value)
}
