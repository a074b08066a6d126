import { Worker } from 'node:worker_threads'
import { ENTRIES } from '../children/entry.ts'
import type { ChildBody, ChildBodyEvents, ToChild, ToParent } from '../children/frames.ts'
import { FramePort } from './frame-port.ts'

/** Starts a thread. Its last messages are read before it counts as gone: Node empties the port first. */
export function openThread(events: ChildBodyEvents): ChildBody {
  const thread = new Worker(ENTRIES.thread)
  const name = `thread ${thread.threadId}`
  const port = new FramePort<ToChild, ToParent>(thread, (message) => events.received(message))
  let killed = false
  thread.once('error', (error) => events.crashed(error))
  thread.once('exit', (exitCode) => {
    events.exited(killed ? { exitCode: undefined, signal: 'SIGKILL' } : { exitCode, signal: undefined })
  })
  return {
    name,
    pid: process.pid,
    send: (message) => port.send(message),
    flush: () => port.flush(),
    kill: () => {
      killed = true
      void thread.terminate()
    },
  }
}
