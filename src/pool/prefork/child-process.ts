import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { ENTRIES } from '../children/entry.ts'
import type { ChildBody, ChildBodyEvents, ToChild, ToParent } from '../children/frames.ts'
import { FrameSocket } from './frame-socket.ts'

/** Milliseconds between two looks at a pipe whose process has ended. */
const LOOK_MS = 500
/** Milliseconds that a child whose pipe is closed, so that nobody can reach it any more, may go on. */
const UNREACHABLE_MS = 5000

/** Starts a child process. One that cannot be started is one that has died. */
export function openChildProcess(events: ChildBodyEvents): ChildBody {
  const child = spawn(process.execPath, [...inheritedArguments(process.execArgv), ENTRIES.process], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  })
  let gone = false
  const exited = (exitCode: number | null, signal: string | null): void => {
    if (gone) return
    gone = true
    events.exited({ exitCode: exitCode ?? undefined, signal: signal ?? undefined })
  }
  child.on('error', (error) => {
    if (child.pid !== undefined) return
    events.crashed(error)
    exited(null, null)
  })
  // 'close' comes after the last bytes of the pipe were read, so no outcome that was sent is missed.
  child.once('close', exited)
  // Without a process there may be no pipes: not when there are too many open files.
  const pipe = child.pid === undefined ? undefined : child.stdio[3]
  const socket = pipe instanceof Socket ? linkTo(child, pipe, events, exited) : undefined
  const pid = child.pid ?? 0
  return {
    name: `process ${pid}`,
    pid,
    send: (message) => socket?.send(message),
    flush: () => socket?.flush(),
    kill: () => void child.kill('SIGKILL'),
  }
}

function linkTo(
  child: ChildProcess,
  pipe: Socket,
  events: ChildBodyEvents,
  exited: (exitCode: number | null, signal: string | null) => void,
): FrameSocket<ToChild, ToParent> {
  pipe.on('error', () => {
    // The child died while we were writing; `exit` tells the story.
  })
  pipe.once('close', () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const timer = setTimeout(() => child.kill('SIGKILL'), UNREACHABLE_MS)
    child.once('close', () => clearTimeout(timer))
  })
  child.once('exit', (exitCode, signal) => {
    // Somebody whom the child has started may hold the pipe, and its end would be long in coming. What the child has
    // sent has been read when nothing comes between two looks.
    let read: number | undefined
    const looks = setInterval(() => {
      if (read === pipe.bytesRead) {
        pipe.destroy()
        exited(exitCode, signal)
      }
      read = pipe.bytesRead
    }, LOOK_MS)
    child.once('close', () => clearInterval(looks))
  })
  return new FrameSocket<ToChild, ToParent>(pipe, (message) => events.received(message), {
    unreadable: (cause) => {
      events.crashed(new Error('what it sends cannot be read', { cause }))
      child.kill('SIGKILL')
    },
  })
}

/** Options of node that child processes get, too: how modules are found, how much memory there is, TLS. */
const SHARED =
  /^(-r|-C|--(import|require|loader|experimental-loader|conditions|env-file|enable-source-maps|no-warnings|disable-warning|experimental-transform-types|max-old-space-size|max-semi-space-size|stack-trace-limit|expose-gc|dns-result-order|(use|tls|openssl)-[a-z-]+))(=|$)/
/** Those whose value may be the next argument. */
const WITH_VALUE =
  /^(-r|-C|--(import|require|loader|experimental-loader|conditions|env-file|disable-warning))$/

/** Options of node that concern this process alone (what it runs, its debugger, its tests) are left out. */
function inheritedArguments(execArgv: readonly string[]): string[] {
  return execArgv.filter(
    (argument, index) => SHARED.test(argument) || WITH_VALUE.test(execArgv[index - 1] ?? ''),
  )
}
