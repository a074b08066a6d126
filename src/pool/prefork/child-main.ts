/**
 * Entry of a child process of the prefork pool: gets a runner module over the pipe, then jobs, until the pipe closes.
 *
 * It runs as many jobs at once as it was told; the parent may hand over a few more when jobs are short, and these
 * wait here. When a job turns out not to be short, those that wait are given back.
 *
 * The child does not outlive its parent: when the pipe breaks it exits at once, since nobody settles its messages
 * any more and somebody else will run them. A job that blocks the event loop keeps it from noticing; for that there is
 * a thread that looks for the parent once a second (Celery: `PR_SET_PDEATHSIG`). Signals of the terminal and of process managers reach the whole group;
 * the parent alone decides what they mean, so the child ignores them.
 */
import { Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { systemClock } from '../../util/clock.ts'
import { JobContext } from '../job-context.ts'
import type { Runner } from '../pool.ts'
import { FrameSocket, type ToChild, type ToParent } from './frames.ts'

const PIPE_FD = 3
/** Milliseconds after which jobs that wait behind others are given back. */
const GIVE_BACK_MS = 20

type Job = Extract<ToChild, readonly ['job', ...unknown[]]>

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => {})

const pipe = new Socket({ fd: PIPE_FD, readable: true, writable: true })
const parent = new FrameSocket<ToParent, ToChild>(pipe, receive)
pipe.on('error', () => process.exit(1))
pipe.on('close', () => process.exit(stopping ? 0 : 1))

/** Jobs that have not ended. */
const running = new Map<string, JobContext>()
/** Those of them that take a slot. */
const working = new Set<string>()
const waiting = new Map<string, Job>()
let runner: Runner | undefined
let slots = 1
/** Bytes; undefined: no limit, or it was exceeded and that was said. */
let maxMemory: number | undefined
let stopping = false
let givingBack = false

function receive(message: ToChild): void {
  switch (message[0]) {
    case 'init':
      slots = message[3]
      maxMemory = message[4]
      void initialise(message[1], message[2])
      break
    case 'job':
      if (working.size < slots) void runJob(message)
      else wait(message)
      break
    case 'abort':
      abort(message[1], message[2])
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
    watchParent()
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error))
    parent.send(['failed', message, stack ?? message])
  }
}

function watchParent(): void {
  const code = `
    const parent = ${process.ppid}
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 1000)`
  const limits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 }
  new Worker(code, { eval: true, execArgv: [], env: {}, resourceLimits: limits }).unref()
}

async function runJob([, id, data, softTimeLimit, announce]: Job): Promise<void> {
  if (runner === undefined) throw new Error(`prefork child ${process.pid}: job ${id} came before the runner`)
  const started = performance.now()
  let worked: number | undefined
  const context = new JobContext(() => {
    if (worked !== undefined) return
    worked = performance.now() - started
    timer?.cancel()
    working.delete(id)
    startNext()
  })
  running.set(id, context)
  working.add(id)
  parent.send(['accepted', id])
  if (announce) parent.flush()
  const timer =
    softTimeLimit === undefined
      ? undefined
      : systemClock.setTimeout(() => context.abort('soft'), softTimeLimit)
  try {
    const value = await runner.run(data, context)
    context.release()
    parent.send(['done', id, value, worked ?? 0])
  } catch (error) {
    context.release()
    parent.send(['broken', id, String(error)])
  }
  running.delete(id)
  if (maxMemory !== undefined) weigh(maxMemory)
}

function weigh(most: number): void {
  const bytes = process.memoryUsage.rss()
  if (bytes <= most) return
  maxMemory = undefined
  parent.send(['heavy', bytes])
}

function startNext(): void {
  for (const [id, job] of waiting) {
    if (working.size >= slots) return
    waiting.delete(id)
    void runJob(job)
  }
}

function wait(job: Job): void {
  waiting.set(job[1], job)
  if (!givingBack) watchRunning()
}

/** Looks after a while whether jobs that run now still run. */
function watchRunning(): void {
  givingBack = true
  const before = [...working]
  setTimeout(() => {
    givingBack = false
    if (before.every((id) => working.has(id))) giveBack()
    else if (waiting.size > 0) watchRunning()
  }, GIVE_BACK_MS)
}

/** Those that ran then still run: they are not short, so what waits behind them must not. */
function giveBack(): void {
  for (const id of waiting.keys()) parent.send(['returned', id])
  waiting.clear()
}

function abort(id: string, reason: 'terminate' | 'shutdown' | 'withdraw'): void {
  if (waiting.delete(id)) parent.send(['returned', id])
  else if (reason !== 'withdraw') running.get(id)?.abort(reason)
}

async function stop(): Promise<void> {
  stopping = true
  await runner?.close()
  parent.end()
}
