/**
 * How a pool and its children talk. All messages of one turn of the event loop travel together, as one structured
 * clone of an array.
 */

/** What a pool tells a child. */
export type ToChild =
  /** `maxMemory`: bytes; above that, the child says `heavy`. */
  | readonly ['init', module: string, init: unknown, slots: number, maxMemory: number | undefined]
  /** `announce`: say that it starts before it starts, since it might block the child. */
  | readonly ['job', id: string, data: unknown, softTimeLimit: number | undefined, announce: boolean]
  /** `withdraw`: give it back unless it has started. */
  | readonly ['abort', id: string, reason: 'terminate' | 'shutdown' | 'withdraw']
  | readonly ['stop']

/** What a child tells its pool. */
export type ToParent =
  /** It is there; next it loads what it was told to. */
  | readonly ['up']
  | readonly ['ready']
  | readonly ['failed', message: string, stack: string]
  | readonly ['accepted', id: string]
  /** `milliseconds`: how long it ran. `aborted`: it was told to end, by force, before it had ended. */
  | readonly ['done', id: string, value: unknown, milliseconds: number, aborted?: boolean]
  /** After a job it has more memory than it may have: so many bytes. Said once. */
  | readonly ['heavy', bytes: number]
  /** It waited here, never started, and is given back. */
  | readonly ['returned', id: string]
  /** The runner broke its promise never to reject. */
  | readonly ['broken', id: string, message: string]

/** One end of the way between a pool and a child. */
export interface FrameLink<Out> {
  /** Queues a message; it leaves at the end of this turn. */
  send(message: Out): void
  /** Sends what is queued now. */
  flush(): void
}

/** How a child ended. */
export interface ChildExit {
  readonly exitCode: number | undefined
  readonly signal: string | undefined
}

/** Where a child lives, seen from its pool: a process or a thread. */
export interface ChildBody extends FrameLink<ToChild> {
  /** For people: `process 123`, `thread 4`. */
  readonly name: string
  /** The process that its jobs run in. */
  readonly pid: number
  /** Ends it now. */
  kill(): void
}

/** What a body tells. */
export interface ChildBodyEvents {
  received(message: ToParent): void
  /** It is gone: told once, after the last message. */
  exited(exit: ChildExit): void
  /** It died of an error of which nobody else will tell. */
  crashed(error: unknown): void
}

/** Makes a body. */
export type OpenChild = (events: ChildBodyEvents) => ChildBody
