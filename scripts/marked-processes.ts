import { readdirSync, readFileSync } from 'node:fs'

/** A process that was found by a mark in its environment. */
export class MarkedProcess {
  readonly pid: number
  readonly command: string

  constructor(pid: number, command: string) {
    this.pid = pid
    this.command = command
  }

  toString(): string {
    return `  ${this.pid} ${this.command}`
  }
}

/**
 * The processes that have `mark` (`NAME=value`) in their environment, whoever started them. Works on Linux; where
 * there is no /proc it finds none. What has ended and only waits for its parent has no environment any more.
 */
export function processesOf(mark: string): MarkedProcess[] {
  return pids().flatMap((pid) => {
    const environment = read(pid, 'environ')
    return environment.split('\0').includes(mark)
      ? [new MarkedProcess(pid, read(pid, 'cmdline').replaceAll('\0', ' ').slice(0, 200))]
      : []
  })
}

export function killProcesses(processes: readonly MarkedProcess[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself meanwhile.
    }
  }
}

function pids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    // Not Linux.
    return []
  }
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    // It has ended meanwhile, or belongs to somebody else.
    return ''
  }
}
