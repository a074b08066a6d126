import { spawn } from 'node:child_process'
import { Duplex } from 'node:stream'
import { ENTRIES } from '../children/entry.ts'
import type { ChildBody, ChildBodyEvents, ToChild, ToParent } from '../children/frames.ts'
import { FrameSocket } from './frame-socket.ts'

/** Starts a child process. */
export function openChildProcess(events: ChildBodyEvents): ChildBody {
  const child = spawn(process.execPath, [...inheritedArguments(process.execArgv), ENTRIES.process], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  })
  const pipe = child.stdio[3]
  if (!(pipe instanceof Duplex)) throw new Error('prefork: the child process got no pipe')
  pipe.on('error', () => {
    // The child died while we were writing; `exit` tells the story.
  })
  const socket = new FrameSocket<ToChild, ToParent>(pipe, (message) => events.received(message))
  // 'close' comes after the last bytes of the pipe were read, so no outcome that was sent is missed.
  let gone = false
  const exited = (exitCode: number | null, signal: string | null): void => {
    if (gone) return
    gone = true
    events.exited({ exitCode: exitCode ?? undefined, signal: signal ?? undefined })
  }
  child.once('close', exited)
  child.once('error', () => exited(null, null))
  const pid = child.pid ?? 0
  return {
    name: `process ${pid}`,
    pid,
    send: (message) => socket.send(message),
    flush: () => socket.flush(),
    kill: () => void child.kill('SIGKILL'),
  }
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
