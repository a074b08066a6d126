/** Who a process is, and whether it still lives, as far as other processes can tell. */
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** A process, as recorded in a file that others read. */
export interface ProcessIdentity {
  /** The set of processes that can see each other: host, boot and, in containers, the namespace of process ids. */
  readonly machine: string
  readonly pid: number
  /** When it began, in the kernel's own counting; '' where that cannot be known. */
  readonly started: string
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return { machine: ownMachine(), pid: process.pid, started: startOf(process.pid)?.started ?? '' }
}

/**
 * Whether the process lives; undefined when it belongs to another machine, about which nothing can be known from here.
 * A process that is busy, stopped or swapped out lives; a zombie does not.
 */
export function isAlive(identity: ProcessIdentity): boolean | undefined {
  if (identity.machine !== ownMachine()) return undefined
  if (!exists(identity.pid)) return false
  const found = startOf(identity.pid)
  if (found === undefined) return true
  if (found.dead) return false
  // The number has been given to another process meanwhile.
  return identity.started === '' || identity.started === found.started
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not being allowed to signal it (EPERM) means that it is there.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}

/** Linux: state and start time from `/proc/<pid>/stat`. */
function startOf(pid: number): { readonly started: string; readonly dead: boolean } | undefined {
  const stat = readOrNothing(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The name of the program, in parentheses, may hold anything: fields are counted behind it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  const started = fields?.[19]
  return started === undefined ? undefined : { started, dead: fields?.[0] === 'Z' || fields?.[0] === 'X' }
}

let machine: string | undefined

function ownMachine(): string {
  machine ??= [
    hostname(),
    readOrNothing(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? '',
    readOrNothing(() => readlinkSync('/proc/self/ns/pid')) ?? '',
  ].join(' ')
  return machine
}

/** Systems without `/proc` simply know less. */
function readOrNothing(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
