/**
 * Entry of a child process of the prefork pool: gets a runner module over the pipe, then jobs, until the pipe closes.
 *
 * The child does not outlive its parent: when the pipe breaks it exits at once, since nobody settles its messages
 * any more and somebody else will run them. A job that blocks the event loop keeps it from noticing; for that there is
 * a thread that looks for the parent once a second (Celery: `PR_SET_PDEATHSIG`). Signals of the terminal and of process
 * managers reach the whole group; the parent alone decides what they mean, so the child ignores them.
 */
import { Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import type { ToChild, ToParent } from '../children/frames.ts'
import { JobLoop } from '../children/job-loop.ts'
import { FrameSocket } from './frame-socket.ts'

const PIPE_FD = 3

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {})

const pipe = new Socket({ fd: PIPE_FD, readable: true, writable: true })
const parent = new FrameSocket<ToParent, ToChild>(pipe, (message) => loop.receive(message))
const loop = new JobLoop({
  parent,
  weigh: () => process.memoryUsage.rss(),
  ready: watchParent,
  leave: () => parent.end(),
})
pipe.on('error', () => process.exit(1))
pipe.on('close', () => process.exit(loop.stopping ? 0 : 1))

function watchParent(): void {
  const code = `
    const parent = ${process.ppid}
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 1000)`
  const limits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 }
  new Worker(code, { eval: true, execArgv: [], env: {}, resourceLimits: limits }).unref()
}
