/** Entry of a thread of the threads pool: gets a runner module, then jobs, until it is told to stop. */
import { parentPort } from 'node:worker_threads'
import type { ToChild, ToParent } from '../children/frames.ts'
import { JobLoop } from '../children/job-loop.ts'
import { FramePort } from './frame-port.ts'

if (parentPort === null) throw new Error('thread-main.ts is for the threads pool alone')
const parent = new FramePort<ToParent, ToChild>(parentPort, (message) => loop.receive(message))
const loop = new JobLoop({
  parent,
  // Of the process' memory, what this thread has.
  weigh: () => {
    const { heapTotal, external } = process.memoryUsage()
    return heapTotal + external
  },
  // In a thread this ends the thread alone.
  leave: () => process.exit(0),
})
