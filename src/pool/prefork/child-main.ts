/**
 * Entry of a child process of the prefork pool: gets a runner module over the pipe, then jobs, until the pipe closes.
 *
 * The child does not outlive its parent: when the pipe breaks it exits at once, since nobody settles its messages
 * any more and somebody else will run them. Signals of the terminal and of process managers reach the whole group;
 * the parent alone decides what they mean, so the child ignores them.
 */
import { Socket } from 'node:net'
import { JobContext } from '../job-context.ts'
import type { Runner } from '../pool.ts'
import type { ToChild, ToParent } from './frames.ts'
import { FrameSocket } from './frames.ts'

const PIPE_FD = 3

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {})

const pipe = new Socket({ fd: PIPE_FD, readable: true, writable: true })
const parent = new FrameSocket<ToParent, ToChild>(pipe, receive)
pipe.on('error', () => process.exit(1))
pipe.on('close', () => process.exit(stopping ? 0 : 1))

const running = new Map<string, JobContext>()
let runner: Runner | undefined
let stopping = false

function receive(message: ToChild): void {
  switch (message[0]) {
    case 'init':
      void initialise(message[1], message[2])
      break
    case 'job':
      void runJob(message[1], message[2], message[3])
      break
    case 'abort':
      running.get(message[1])?.abort(message[2])
      break
    case 'stop':
      void stop()
      break
  }
}

async function initialise(module: string, init: unknown): Promise<void> {
  try {
    const loaded: { createRunner?: (init: unknown) => Promise<Runner> } = await import(module)
    if (loaded.createRunner === undefined) throw new Error(`${module} exports no createRunner`)
    runner = await loaded.createRunner(init)
    parent.send(['ready'])
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error))
    parent.send(['failed', message, stack ?? message])
  }
}

async function runJob(id: string, data: unknown, softTimeLimit: number | undefined): Promise<void> {
  if (runner === undefined) throw new Error(`prefork child ${process.pid}: job ${id} came before the runner`)
  const context = new JobContext()
  running.set(id, context)
  parent.send(['accepted', id])
  const timer =
    softTimeLimit === undefined ? undefined : setTimeout(() => context.abort('soft'), softTimeLimit)
  try {
    parent.send(['done', id, await runner.run(data, context)])
  } catch (error) {
    parent.send(['broken', id, String(error)])
  } finally {
    if (timer !== undefined) clearTimeout(timer)
    running.delete(id)
  }
}

async function stop(): Promise<void> {
  stopping = true
  await runner?.close()
  parent.end()
}
