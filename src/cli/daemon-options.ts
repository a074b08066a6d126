import type { Command } from 'commander'
import { addOption } from './options.ts'

/** Options of programs that run for long; each falls back on a setting such as `worker_pidfile`. */
export function addDaemonOptions(command: Command, program: string): void {
  const group = 'Background:'
  const setting = (name: string): string => ` (setting: ${program}_${name})`
  addOption(command, {
    group,
    flags: '-f, --logfile <file>',
    help: `log into this file; %n is the short name of the node, %h its host${setting('logfile')}`,
  })
  addOption(command, {
    group,
    flags: '--pidfile <file>',
    help: `write the process id into this file${setting('pidfile')}`,
  })
  addOption(command, { group, flags: '--uid <user>', help: `become this user${setting('uid')}` })
  addOption(command, {
    group,
    flags: '--gid <group>',
    help: `become a member of this group${setting('gid')}`,
  })
  addOption(command, { group, flags: '--umask <octal>', help: `mask for new files${setting('umask')}` })
  addOption(command, {
    group,
    flags: '--executable <program>',
    help: `run this instead of node in the background${setting('executable')}`,
  })
}
