/** The app of the tests of workflows: small tasks, and a book in which those write that should run once. */
import type { AnySignature } from '../../src/canvas.ts'
import { Celery, type UserAppOptions } from '../../src/index.ts'
import { isSignatureData } from '../../src/protocol/signature.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import type { CleanupContext } from '../support/cleanup.ts'
import { onCleanup } from '../support/cleanup.ts'

/** Fails with a known message. */
class Broken extends Error {
  override readonly name = 'Broken'
}

/** Makes the app; `book` has what its tasks have written, in order. */
export function createCanvasApp(options: UserAppOptions) {
  const app = new Celery('canvas-test', { logger: silentLogger, setAsCurrent: false, ...options })
  const book: unknown[][] = []
  const write = (...entry: unknown[]): void => void book.push(entry)
  const tasks = {
    add: app.task('c.add', (x: number, y: number) => x + y),
    addAll: app.task('c.addAll', { params: ['x?', 'y?'] }, (x = 0, y = 0) => Number(x) + Number(y)),
    sum: app.task('c.sum', (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)),
    echo: app.task('c.echo', (value: unknown): unknown => value),
    same: app.task('c.same', (value: number) => value),
    fail: app.task('c.fail', (..._: unknown[]): never => {
      throw new Broken('it broke')
    }),
    /** Takes anything. */
    any: app.task('c.any', (...values: unknown[]) => values.length),
    ignored: app.task('c.ignored', { ignoreResult: true }, (...values: unknown[]) => values.length),
    /** Writes what it gets. */
    note: app.task('c.note', (...values: unknown[]) => {
      write(...values)
      return values[0]
    }),
    /** An errback of the old style: gets the id. */
    tell: app.task('c.tell', (id: string, name = 'tell') => {
      write(name, id)
    }),
    /** An errback of the new style: gets the request and the error. */
    explain: app.task('c.explain', (request: { id: string }, error: Error) => {
      write('explain', request.id, error.name, error.message)
    }),
    /** An errback that is tried again. */
    retellOnce: app.task('c.retellOnce', { bind: true, maxRetries: 2 }, async (self, id: string) => {
      if (self.request.retries < 1) throw await self.retry({ countdown: 0 })
      write('retold', id)
    }),
    /** Puts the workflow in its place that it is given as data. */
    replace: app.task('c.replace', { bind: true }, (self, ...args: unknown[]) =>
      self.replace(app.signatureFrom(args.find(isSignatureData))),
    ),
    ids: app.task('c.ids', { bind: true }, ({ request }, ..._: unknown[]) => ({
      id: request.id,
      parent: request.parentId ?? null,
      root: request.rootId,
      group: request.group ?? null,
      priority: request.deliveryInfo.priority ?? null,
      stamps: request.stamps ?? {},
    })),
    again: app.task(
      'c.again',
      { bind: true, maxRetries: 3 },
      async (self, value: unknown = 1, ..._: unknown[]) => {
        if (self.request.retries < 1) throw await self.retry({ countdown: 0 })
        return Number(value)
      },
    ),
    grow: app.task('c.grow', { bind: true }, async (self, numbers: readonly number[], y: number) => {
      for (const x of numbers) await self.addToChord(app.signature('c.add', { args: [x, y] }))
      return 0
    }),
    growByChord: app.task('c.growByChord', { bind: true }, async (self, numbers: readonly number[]) => {
      const header = numbers.map((x) => app.signature('c.same', { args: [x] }))
      await self.addToChord(app.pipe(groupOf(app, header), app.signature('c.sum')))
      return 0
    }),
  }
  return { app, book, ...tasks }
}

export type CanvasApp = ReturnType<typeof createCanvasApp>

/** A group made of data, as it comes from elsewhere. */
export function groupOf(app: Celery, members: readonly AnySignature[]): AnySignature {
  return app.signatureFrom({
    task: 'celery.group',
    args: [],
    kwargs: { tasks: members.map((member) => member.toJSON()) },
    options: {},
    subtask_type: 'group',
    immutable: false,
  })
}

/** An app with a worker. */
export interface RunningCanvas extends CanvasApp {
  readonly worker: Worker
  /** Waits for everything that was sent so far, and for what that has sent. */
  settled(): Promise<void>
}

/** The app with a worker in this process, both stopped with the test. */
export async function startCanvasApp(t: CleanupContext, options: UserAppOptions): Promise<RunningCanvas> {
  const canvas = createCanvasApp(options)
  const worker = new Worker(canvas.app, { pool: 'async', concurrency: 16, logger: silentLogger })
  await worker.start()
  const stop = async (): Promise<void> => {
    await worker.stop('cold')
    await canvas.app.close()
  }
  onCleanup(t, stop, () => void stop())
  // Whatever was sent before is taken before.
  const settled = async (): Promise<void> => {
    for (let round = 0; round < 2; round += 1) {
      await canvas.echo.delay(round).get({ timeout: 60 })
      await worker.state.whenIdle()
    }
  }
  return { ...canvas, worker, settled }
}
