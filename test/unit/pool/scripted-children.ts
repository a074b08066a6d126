import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { ChildPoolOptions } from '../../../src/pool/children/child-pool.ts'
import { ChildPool } from '../../../src/pool/children/child-pool.ts'
import type { ChildBodyEvents, ToChild } from '../../../src/pool/children/frames.ts'
import type { PoolJob } from '../../../src/pool/pool.ts'

/** A child that does what the test says. By itself it is there and ready, and goes when it is told to stop or killed. */
export class ScriptedChild {
  readonly name: string
  readonly events: ChildBodyEvents
  /** Ids of the jobs that it was handed and has not answered. */
  readonly jobs: string[] = []
  /** What it was told, without the jobs. */
  readonly told: ToChild[0][] = []
  killed = false
  /** Answers nothing, as one whose event loop is blocked. */
  blocked = false
  /** Does not go when it is told to stop. */
  stubborn = false

  constructor(number: number, events: ChildBodyEvents) {
    this.name = `child ${number}`
    this.events = events
  }

  receive(message: ToChild): void {
    if (message[0] === 'job') this.jobs.push(message[1])
    else this.told.push(message[0])
    if (this.blocked) return
    if (message[0] === 'init') this.events.received(['ready'])
    if (message[0] === 'stop' && !this.stubborn) setImmediate(() => this.exit(0))
  }

  /** Its first job starts. */
  accept(): void {
    const [id] = this.jobs
    if (id !== undefined) this.events.received(['accepted', id])
  }

  /** Its first job ends, in no time. */
  finish(): void {
    const id = this.jobs.shift()
    if (id === undefined) return
    this.events.received(['accepted', id])
    this.events.received(['done', id, id, 0])
  }

  exit(exitCode: number): void {
    this.events.exited({ exitCode, signal: undefined })
  }

  kill(): void {
    if (this.killed) return
    this.killed = true
    setImmediate(() => this.events.exited({ exitCode: undefined, signal: 'SIGKILL' }))
  }
}

/** A pool of scripted children; `script` sees each of them before it is told anything. */
export async function scriptedPool(
  t: TestContext,
  options: ChildPoolOptions,
  script: (child: ScriptedChild, number: number) => void = () => undefined,
) {
  const children: ScriptedChild[] = []
  const warnings: string[] = []
  const pool = new ChildPool(
    { processes: 1, killGrace: 5, ...options, warn: (text) => void warnings.push(text) },
    {
      implementation: 'scripted',
      processes: true,
      open: (events) => {
        const child = new ScriptedChild(children.length + 1, events)
        children.push(child)
        setImmediate(() => events.received(['up']))
        script(child, children.length)
        return {
          name: child.name,
          pid: children.length,
          send: (message) => void setImmediate(() => child.receive(message)),
          flush: () => undefined,
          kill: () => child.kill(),
        }
      },
    },
  )
  await pool.start({ module: '', init: undefined, create: () => assert.fail('it is not local') })
  t.after(() => pool.stop({ graceful: false }))
  return { pool, children, warnings }
}

export function jobOf(id: string): PoolJob {
  return { id, data: id, softTimeLimit: undefined, timeLimit: undefined }
}

/** Some turns of the event loop, in which what is on its way arrives. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
