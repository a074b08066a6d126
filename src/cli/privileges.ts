import { readFileSync } from 'node:fs'
import { CliError } from './exit-code.ts'

/** Who a process becomes. */
export interface Privileges {
  /** User, by name or number. */
  readonly uid?: string | number | null | undefined
  /** Group, by name or number; default: that of the user. */
  readonly gid?: string | number | null | undefined
  /** An octal text, or a number. */
  readonly umask?: string | number | null | undefined
}

/**
 * Makes the process one of another user and group, in all respects: the groups it had are given up, too. Celery:
 * `maybe_drop_privileges`.
 *
 * @throws CliError when it may not, there is no such user or group, or the mask is none.
 */
export function dropPrivileges({ uid, gid, umask }: Privileges): void {
  if (umask != null) setUmask(umask)
  if (uid == null && gid == null) return
  try {
    const group = gid == null ? primaryGroup(uid) : idOf(gid)
    if (process.getuid?.() === 0) process.setgroups?.([group])
    process.setgid?.(group)
    if (uid != null) process.setuid?.(idOf(uid))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(
      `Cannot become user ${uid ?? '(the same)'} and group ${gid ?? '(that of the user)'}: ${reason}`,
      { cause },
    )
  }
  if (uid != null && process.getuid?.() !== 0 && canBecomeRoot()) {
    throw new CliError(`The process became user ${uid}, but it could become root again; it doesn't go on`)
  }
}

function setUmask(umask: string | number): void {
  try {
    process.umask(umask)
  } catch (cause) {
    throw new CliError(`The umask must be an octal number such as 022, not ${umask}`, { cause })
  }
}

function canBecomeRoot(): boolean {
  try {
    process.setuid?.(0)
    return process.getuid?.() === 0
  } catch {
    // That it may not is what is wanted.
    return false
  }
}

function idOf(id: string | number): string | number {
  return typeof id === 'string' && /^\d+$/.test(id) ? Number(id) : id
}

function primaryGroup(uid: string | number | null | undefined): number {
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const entry = entries.find(([name, , id]) => name === String(uid) || id === String(uid))
  const group = Number(entry?.[3])
  if (entry === undefined || Number.isNaN(group))
    throw new Error(`there is no user ${uid} in /etc/passwd; give a group, too`)
  return group
}
