/** The code that users write, as the design shows it: it must compile, and what is wrong must not. */
import { test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import { z } from 'zod'
import type { AsyncResult, GroupResult, ResultPromise, Task } from '../../src/index.ts'
import { Celery, chain, chord, Exchange, group, Queue, sharedTask, TaskBase } from '../../src/index.ts'

class NetworkError extends Error {}

const app = new Celery('tasks', {
  broker: 'redis://localhost',
  backend: 'redis://localhost',
  setAsCurrent: false,
})

const add = app.task('tasks.add', (x: number, y: number) => x + y)
const mul = app.task('tasks.mul', (x: number, y: number) => x * y)
const xsum = app.task('tasks.xsum', (numbers: number[]) => numbers.reduce((a, b) => a + b, 0))
const shout = app.task('tasks.shout', (text: string) => text.toUpperCase())
const crawl = app.task(
  'tasks.crawl',
  { bind: true, autoretryFor: [NetworkError], retryBackoff: true, softTimeLimit: 30, rateLimit: '10/m' },
  async (self, url: string) => {
    await self.updateState('PROGRESS', { url })
    return (await fetch(url, { signal: self.signal })).text()
  },
)
const optional = app.task('tasks.optional', (x: number, y = 1) => x + y)

/** Compiled, never run: there is no broker. */
async function calls(urls: readonly string[]): Promise<void> {
  const result = await add.delay(4, 4)
  expectTypeOf(result).toEqualTypeOf<AsyncResult<number>>()
  expectTypeOf(await result.get({ timeout: 10 })).toEqualTypeOf<number>()
  expectTypeOf(await add.delay(4, 4).get()).toEqualTypeOf<number>()
  expectTypeOf(add.applyAsync([4, 4], { queue: 'hipri', countdown: 10 })).toEqualTypeOf<
    ResultPromise<number>
  >()
  add.applyAsync({ args: [4, 4], queue: 'hipri', expires: '5m' })
  add.applyAsync({ kwargs: { x: 4, y: 4 } })
  // Arguments that nobody may change are arguments, too.
  const pair = [4, 4] as const
  add.applyAsync(pair)
  add.applyAsync({ args: pair })
  add.starmap([pair, pair])
  add.chunks([pair], 10)
  add.s(4).applyAsync([4] as const)
  expectTypeOf(add(2, 2)).toEqualTypeOf<number>()
  expectTypeOf(crawl('https://example.org')).toEqualTypeOf<Promise<string>>()
  expectTypeOf(await crawl.delay('https://example.org').get()).toEqualTypeOf<string>()

  expectTypeOf(
    await group(urls.map((u) => crawl.s(u)))
      .delay()
      .get(),
  ).toEqualTypeOf<string[]>()
  expectTypeOf(await chain(add.s(4, 4), mul.s(8)).delay().get()).toEqualTypeOf<number>()
  expectTypeOf(
    await chord([add.s(1, 1), add.s(2, 2)], xsum.s())
      .delay()
      .get(),
  ).toEqualTypeOf<number>()
  expectTypeOf(await add.s(4, 4).pipe(mul.s(8)).delay().get()).toEqualTypeOf<number>()

  // @ts-expect-error an argument is missing
  add.delay(4)
  // @ts-expect-error an argument is of the wrong type
  add.delay(4, '4')
  // @ts-expect-error a text is no number
  chain(shout.s('a'), add.s(1))
  // @ts-expect-error the second argument is missing
  chain(add.s(1, 1), add.s())
  // @ts-expect-error the body wants numbers
  chord([shout.s('a'), shout.s('b')], xsum.s())
  // @ts-expect-error there is no room for the result of the first
  add.s(1, 1).pipe(add.s(2, 2))
  // @ts-expect-error an argument is missing still
  add.s(4).delay()
  // @ts-expect-error there is no such option
  add.applyAsync([4, 4], { que: 'hipri' })
  // @ts-expect-error the arguments are missing
  add.applyAsync({ queue: 'hipri' })
  add.s(4, 4).applyAsync({ queue: 'hipri' })
  optional.s(1).applyAsync({ queue: 'hipri' })
  app.sendTask('py.add', [4, 4], {}, { queue: 'py', properties: { MessageGroupId: 'a' } })
  // @ts-expect-error there is no such option
  app.sendTask('py.add', [4, 4], {}, { que: 'py' })
}

/** Compiled, never run: it would be refused. */
function queues(): void {
  new Queue('video', { exchange: new Exchange('media', { type: 'topic' }), routingKey: 'media.video' })
  // @ts-expect-error the exchange is one of the options
  new Queue('video', new Exchange('media'))
  // @ts-expect-error options have names in camel case
  new Queue('video', { routing_key: 'media.video' })
  // @ts-expect-error the type is one of the options
  new Exchange('media', 'topic')
}

test('a task is a function with methods [2-114]', () => {
  expectTypeOf(add).toExtend<(x: number, y: number) => number>()
  expectTypeOf(add).toEqualTypeOf<Task<[x: number, y: number], number>>()
  expectTypeOf(crawl).toEqualTypeOf<Task<[url: string], Promise<string>>>()
  expectTypeOf(optional).toEqualTypeOf<Task<[x: number, y?: number | undefined], number>>()
  expectTypeOf(calls).toBeFunction()
  expectTypeOf(queues).toBeFunction()
})

test('signatures know what is missing [2-121]', () => {
  expectTypeOf(add.s(8).delay).parameters.toEqualTypeOf<[number]>()
  expectTypeOf(add.s(4, 4).delay).parameters.toEqualTypeOf<[]>()
  expectTypeOf(optional.s(5).delay).parameters.toEqualTypeOf<[] | [number]>()
  // What an immutable one gets is ignored, so it fits everywhere.
  expectTypeOf(chain(shout.s('a'), add.si(1, 1))).toExtend<object>()
  // @ts-expect-error only the last arguments can be bound
  shout.s(1)
})

test('workflows infer their results [3-060 3-070 3-082]', () => {
  expectTypeOf(() => group(add.s(1, 1), shout.s('a')).delay()).returns.toEqualTypeOf<
    ResultPromise<[number, string], GroupResult<[number, string]>>
  >()
  expectTypeOf(() =>
    chain(add.s(1, 1), group(add.s(2), add.s(3)), xsum.s())
      .delay()
      .get(),
  ).returns.resolves.toBeNumber()
  expectTypeOf(() =>
    group(add.s(1, 1), add.s(2, 2)).pipe(xsum.s()).delay().get(),
  ).returns.resolves.toBeNumber()
  expectTypeOf(() =>
    chord([chord([add.s(1, 1)], xsum.s()), add.s(1, 1)], xsum.s())
      .delay()
      .get(),
  ).returns.resolves.toBeNumber()
  expectTypeOf(chain(add.s(1), mul.s(2)).delay).parameters.toEqualTypeOf<[number]>()
  expectTypeOf(group(add.s(1), mul.s(2)).delay).parameters.toEqualTypeOf<[number]>()
})

test('class-based, remote and shared tasks are typed alike [2-025 2-053]', () => {
  class Crawl extends TaskBase<[url: string], Promise<string>> {
    readonly name = 'tasks.Crawl'
    async run(url: string): Promise<string> {
      return `${this.request.id} ${url}`
    }
  }
  class Loose extends TaskBase {
    readonly name = 'tasks.Loose'
    run(x: number): number {
      return x
    }
  }
  expectTypeOf(app.registerTask(new Crawl())).toEqualTypeOf<Task<[url: string], Promise<string>>>()
  expectTypeOf(app.registerTask(new Loose())).toEqualTypeOf<Task<[x: number], number>>()
  const remote = app.remoteTask<[x: number, y: number], number>('py.add', { queue: 'py' })
  expectTypeOf(() => remote.s(1, 2).delay().get()).returns.resolves.toBeNumber()
  expectTypeOf(sharedTask('shared.add', (x: number, y: number) => x + y)).toEqualTypeOf(add)
})

test('schemas of other libraries are taken as they are [2-076]', () => {
  const input = z.tuple([z.email(), z.number().int()])
  const mail = app.task('tasks.mail', { input }, (to: string, copies: number) => `${to} ${copies}`)
  expectTypeOf(mail.delay).parameters.toEqualTypeOf<[to: string, copies: number]>()

  // Without types of its own the function has those of the schema; callers give what the schema takes.
  const length = app.task(
    'tasks.length',
    { input: z.tuple([z.string().transform(Number), z.boolean()]) },
    (n, b) => (b ? n : 0),
  )
  expectTypeOf(length.delay).parameters.toEqualTypeOf<[string, boolean]>()
  expectTypeOf(() => length.delay('5', true).get()).returns.resolves.toBeNumber()
  const bound = app.task('tasks.bound', { bind: true, input }, (self, to, copies) => {
    expectTypeOf([to, copies] as const).toEqualTypeOf<readonly [string, number]>()
    return self.request.id
  })
  expectTypeOf(bound.delay).parameters.toEqualTypeOf<[string, number]>()
})
