import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Configuration } from '../../../src/config/configuration.ts'
import type { Settings, UserSettings } from '../../../src/config/settings.ts'
import { ImproperlyConfigured, QueueNotFound } from '../../../src/errors.ts'
import { Queue } from '../../../src/messaging/entity.ts'
import { destinationOf, routeCall } from '../../../src/routing/destination.ts'
import { Queues } from '../../../src/routing/queues.ts'
import type { RoutedCall, Routes } from '../../../src/routing/routes.ts'
import { findRoute, readRoutes } from '../../../src/routing/routes.ts'

function call(name: string, options: Readonly<Record<string, unknown>> = {}): RoutedCall {
  return { name, args: [1], kwargs: { k: 2 }, options, task: undefined }
}

async function route(taskRoutes: UserSettings['taskRoutes'], name: string): Promise<unknown> {
  return findRoute(await readRoutes(settings({ taskRoutes }).taskRoutes), call(name))
}

function settings(user: UserSettings): Settings {
  return new Configuration(user, { environment: {} }).resolved()
}

suite('taskRoutes', () => {
  test('a dict: names first, then patterns in order [10-017 10-018 10-019 12-046]', async () => {
    const routes = { 'a.*': 'stars', 'a.b': { queue: 'exact', routingKey: 'k' }, '*': 'rest' }
    assert.deepEqual(await route(routes, 'a.b'), { queue: 'exact', routing_key: 'k' })
    assert.deepEqual(await route(routes, 'a.c'), { queue: 'stars' })
    assert.deepEqual(await route(routes, 'x'), { queue: 'rest' })
    assert.equal(await route({ 'a.?': 'q' }, 'a.b'), undefined)
    assert.equal(await route({ 'a.*': 'q' }, 'my.a.b'), undefined)
    assert.equal(await route({ '*.a': 'q' }, 'my.a.b'), undefined)
    assert.deepEqual(await route({ 'a.?*': 'q' }, 'a.b'), { queue: 'q' })
  })

  test('pairs in a list of their own, with expressions [10-018 10-020 12-044]', async () => {
    const routes = [[[/video\./, 'videos'] as const, ['b', { priority: 3 }] as const]]
    assert.deepEqual(await route(routes, 'video.cut'), { queue: 'videos' })
    // As with Python's `match` the beginning must fit, not the end.
    assert.equal(await route(routes, 'my.video.cut'), undefined)
    assert.deepEqual(await route(routes, 'b'), { priority: 3 })
  })

  test('a flat list of pairs is refused [10-020]', async () => {
    // @ts-expect-error the types say so, too
    await assert.rejects(route([['a.*', 'q']], 'a.b'), /must itself stand in a list/)
  })

  test('functions and objects, the first that answers wins [10-020 10-021 10-022]', async () => {
    const seen: unknown[] = []
    const routers = [
      (name: string, args: readonly unknown[], kwargs: object, options: object) => {
        seen.push(name, args, kwargs, options)
        return null
      },
      { routeForTask: (name: string) => (name === 'a' ? 'q' : undefined) },
      () => ({ exchange: 'last' }),
    ]
    assert.deepEqual(await route(routers, 'a'), { queue: 'q' })
    assert.deepEqual(seen, ['a', [1], { k: 2 }, {}])
    assert.deepEqual(await route(routers, 'b'), { exchange: 'last' })
  })

  test('the name of a router, whose class is made an object [10-022 10-023]', async () => {
    const fixture = new URL('./fixtures/routers.ts', import.meta.url).href
    assert.deepEqual(await route(`${fixture}#byFunction`, 'a'), { queue: 'function-a' })
    assert.deepEqual(await route(`${fixture}#ByClass`, 'a'), { queue: 'class-a' })
    await assert.rejects(route(`${fixture}#nothing`, 'a'), ImproperlyConfigured)
  })

  test('a route has the options of a call, lengths of time and properties included [10-019]', async () => {
    const ours = { queue: 'q.fifo', expires: '2h', softTimeLimit: '5m', properties: { MessageGroupId: 'g' } }
    const theirs = { queue: 'q.fifo', expires: 7200, soft_time_limit: 300, MessageGroupId: 'g' }
    assert.deepEqual(await route({ a: ours, b: theirs }, 'a'), theirs)
    assert.deepEqual(await route({ a: ours, b: theirs }, 'b'), theirs)
  })

  test('what is no route names the task [10-019]', async () => {
    await assert.rejects(route({ 'a.*': JSON.parse('5') }, 'a.b'), /the route of task 'a.b' must be/)
    await assert.rejects(route({ a: { timeLimit: 'soon' } }, 'a'), {
      name: 'ImproperlyConfigured',
      message: /^taskRoutes: the route of task 'a': timeLimit: 'soon' is no duration/,
    })
  })

  test('says whether a route found for a name stays true', async () => {
    const byName = async (routes: UserSettings['taskRoutes']): Promise<boolean> =>
      (await readRoutes(settings({ taskRoutes: routes }).taskRoutes)).byNameOnly
    assert.equal(await byName({ a: 'q' }), true)
    assert.equal(await byName(null), true)
    assert.equal(await byName([{ a: 'q' }, () => null]), false)
  })
})

suite('the destination of a call', () => {
  async function destination(
    user: UserSettings,
    options: Readonly<Record<string, unknown>>,
  ): Promise<readonly [exchange: string, key: string, queue: string | undefined, options: unknown]> {
    const all = settings(user)
    const queues = new Queues(all)
    const routes: Routes = await readRoutes(all.taskRoutes)
    const routed = routeCall(queues, routes, call('a', options))
    const { exchange, routingKey } = destinationOf(routed, queues)
    return [exchange, routingKey, routed.queue?.name, routed.options]
  }

  test('through a direct exchange is the queue by its name [3-030]', async () => {
    assert.deepEqual(await destination({}, {}), ['', 'celery', 'celery', {}])
    assert.deepEqual(await destination({}, { queue: 'q' }), ['', 'q', 'q', {}])
    assert.deepEqual(await destination({}, { routing_key: 'k' }), [
      '',
      'celery',
      'celery',
      { routing_key: 'k' },
    ])
    assert.deepEqual((await destination({}, { exchange: 'x', routing_key: 'k' })).slice(0, 2), ['x', 'k'])
  })

  test('through others is exchange and key [3-031]', async () => {
    const taskQueues = { q: { exchange: 'x', exchangeType: 'topic', routingKey: 'q.#' } }
    assert.deepEqual((await destination({ taskQueues }, { queue: 'q' })).slice(0, 2), ['x', 'q.#'])
    assert.deepEqual((await destination({ taskQueues }, { queue: 'q', routing_key: 'q.1' })).slice(0, 2), [
      'x',
      'q.1',
    ])
  })

  test('takes from the route what the call leaves open; null leaves it open [3-028 10-024 12-047]', async () => {
    const taskRoutes = { a: { queue: 'routed', priority: 3, serializer: 'yaml' } }
    assert.deepEqual(await destination({ taskRoutes }, { priority: 9, serializer: null }), [
      '',
      'routed',
      'routed',
      { priority: 9, serializer: 'yaml' },
    ])
    assert.deepEqual((await destination({ taskRoutes }, { queue: 'mine' })).slice(1), [
      'mine',
      'mine',
      { priority: 3, serializer: 'yaml' },
    ])
  })

  // Celery: a call of which neither a queue nor an exchange is known goes to the default queue.
  test('is the default queue for a route that names none, whatever else it says [10-024 11-018]', async () => {
    const priority = { taskRoutes: { a: { priority: 3 } } }
    assert.deepEqual(await destination(priority, {}), ['', 'celery', 'celery', { priority: 3 }])
    const topic = {
      taskQueues: { work: { exchange: 'x', exchangeType: 'topic', routingKey: 'work.#' } },
      taskDefaultQueue: 'work',
      taskRoutes: { '*': { routingKey: 'work.any' } },
    }
    assert.deepEqual((await destination(topic, {})).slice(0, 3), ['x', 'work.any', 'work'])
    const exchange = { taskRoutes: { a: { exchange: 'other', routingKey: 'k' } } }
    assert.deepEqual((await destination(exchange, {})).slice(0, 3), ['other', 'k', undefined])
  })

  test('may be a queue that nobody knows by name [3-008]', async () => {
    const queue = new Queue('own', { exchange: 'x', routingKey: 'k' })
    assert.deepEqual((await destination({}, { queue })).slice(0, 3), ['', 'own', 'own'])
    await assert.rejects(destination({}, { queue: 5 }), /queue must be the name of a queue or a Queue/)
    await assert.rejects(destination({ taskCreateMissingQueues: false }, { queue: 'q' }), QueueNotFound)
  })
})
