/** The commands that workers know, as people type them: what the command line lists, and checks arguments against. */

/** Whether a command only looks, or changes something. */
export type CommandKind = 'inspect' | 'control'

/** What the text of an argument becomes. */
export type ArgumentKind = 'text' | 'integer' | 'number' | 'boolean'

/** An argument of a command, in its place. */
export interface CommandArgument {
  /** As it is called on the wire. */
  readonly name: string
  readonly kind: ArgumentKind
  /** Default false. */
  readonly required?: boolean
}

/** What there is to say about a command. Celery: an entry of `Panel.meta`. */
export interface CommandInfo {
  readonly name: string
  readonly kind: CommandKind
  /** One line for people. */
  readonly help: string
  /** The arguments for people, e.g. `<queue>`. */
  readonly signature?: string
  readonly args?: readonly CommandArgument[]
  /** Name of the argument that takes all texts behind `args`, as a list. */
  readonly variadic?: string
  /** Whether lists show it. Default true. */
  readonly visible?: boolean
  /** Seconds to wait for replies. Default 1. Celery: `default_timeout`. */
  readonly defaultTimeout?: number
  /** Another name that workers know it by. */
  readonly alias?: string
}

/** Celery's commands, by their names. */
export const COMMANDS: ReadonlyMap<string, CommandInfo> = new Map(
  [...inspectCommands(), ...controlCommands()].map((command) => [command.name, command]),
)

function inspectCommands(): CommandInfo[] {
  const kind = 'inspect'
  return [
    { name: 'active', kind, help: 'Tasks that run right now.', alias: 'dump_active' },
    { name: 'active_queues', kind, help: 'Queues that are consumed.' },
    { name: 'clock', kind, help: 'Value of the logical clock.' },
    {
      name: 'conf',
      kind,
      help: 'Settings of the worker, secrets left out.',
      signature: '[include_defaults=False]',
      args: [{ name: 'with_defaults', kind: 'boolean' }],
      alias: 'dump_conf',
    },
    { name: 'hello', kind, help: 'What a starting worker asks its neighbours.', visible: false },
    {
      name: 'memdump',
      kind,
      help: 'Statistics of the samples of memory so far.',
      signature: '[n_samples=10]',
      args: [{ name: 'samples', kind: 'integer' }],
    },
    { name: 'memsample', kind, help: 'Take a sample of the memory in use.' },
    {
      name: 'objgraph',
      kind,
      help: 'Draw the objects that are still referenced, to find leaks.',
      signature: '[object_type=Request] [num=200 [max_depth=10]]',
      args: [
        { name: 'type', kind: 'text' },
        { name: 'num', kind: 'integer' },
        { name: 'max_depth', kind: 'integer' },
      ],
      defaultTimeout: 60,
    },
    { name: 'ping', kind, help: 'Whether the worker answers.', defaultTimeout: 0.2 },
    {
      name: 'query_task',
      kind,
      help: 'What is known of tasks, by their ids.',
      signature: '[id1 [id2 [... [idN]]]]',
      variadic: 'ids',
    },
    {
      name: 'registered',
      kind,
      help: 'Tasks that the worker can run, with some of their options.',
      signature: '[attr1 [attr2 [... [attrN]]]]',
      variadic: 'taskinfoitems',
      alias: 'dump_tasks',
    },
    { name: 'report', kind, help: 'What to tell in a report of a bug.' },
    {
      name: 'reserved',
      kind,
      help: 'Tasks that were fetched and wait for their turn.',
      alias: 'dump_reserved',
    },
    { name: 'revoked', kind, help: 'Ids of revoked tasks.', alias: 'dump_revoked' },
    { name: 'scheduled', kind, help: 'Tasks that wait for their time.', alias: 'dump_schedule' },
    { name: 'stats', kind, help: 'Numbers about the worker, its pool and its broker.' },
  ]
}

function controlCommands(): CommandInfo[] {
  const kind = 'control'
  return [
    {
      name: 'add_consumer',
      kind,
      help: 'Consume from one more queue.',
      signature: '<queue> [exchange [type [routing_key]]]',
      args: [
        { name: 'queue', kind: 'text', required: true },
        { name: 'exchange', kind: 'text' },
        { name: 'exchange_type', kind: 'text' },
        { name: 'routing_key', kind: 'text' },
      ],
    },
    {
      name: 'autoscale',
      kind,
      help: 'Change the bounds of the size of the pool.',
      signature: '[max [min]]',
      args: [
        { name: 'max', kind: 'integer' },
        { name: 'min', kind: 'integer' },
      ],
    },
    {
      name: 'cancel_consumer',
      kind,
      help: 'Consume from a queue no longer.',
      signature: '<queue>',
      args: [{ name: 'queue', kind: 'text', required: true }],
    },
    { name: 'disable_events', kind, help: 'Send no more events of tasks.' },
    { name: 'election', kind, help: 'Let the workers choose one of them for an action.' },
    { name: 'enable_events', kind, help: 'Send events of tasks.' },
    { name: 'heartbeat', kind, help: 'Send a heartbeat event at once.' },
    ...poolCommands(),
    {
      name: 'rate_limit',
      kind,
      help: 'Change the rate limit of a task.',
      signature: '<task_name> <rate_limit (e.g., 5/s | 5/m | 5/h)>',
      args: [
        { name: 'task_name', kind: 'text', required: true },
        { name: 'rate_limit', kind: 'text', required: true },
      ],
    },
    ...revokeCommands(),
    { name: 'shutdown', kind, help: 'Stop the worker, once its running tasks are done.' },
    {
      name: 'time_limit',
      kind,
      help: 'Change the time limits of a task.',
      signature: '<task_name> <soft_secs> [hard_secs]',
      args: [
        { name: 'task_name', kind: 'text', required: true },
        { name: 'soft', kind: 'number', required: true },
        { name: 'hard', kind: 'number' },
      ],
    },
  ]
}

function poolCommands(): CommandInfo[] {
  const shared = { kind: 'control', signature: '[N=1]', args: [{ name: 'n', kind: 'integer' }] } as const
  return [
    { ...shared, name: 'pool_grow', help: 'Make the pool larger.' },
    { kind: 'control', name: 'pool_restart', help: 'Start the pool anew.' },
    { ...shared, name: 'pool_shrink', help: 'Make the pool smaller.' },
  ]
}

function revokeCommands(): CommandInfo[] {
  const kind = 'control'
  return [
    {
      name: 'revoke',
      kind,
      help: 'Do not run these tasks.',
      signature: '[id1 [id2 [... [idN]]]]',
      variadic: 'task_id',
    },
    {
      name: 'revoke_by_stamped_headers',
      kind,
      help: 'Do not run tasks with these stamps.',
      signature: '[key1=value1 [key2=value2 [... [keyN=valueN]]]]',
      variadic: 'headers',
    },
    {
      name: 'terminate',
      kind,
      help: 'Do not run these tasks, and end those that run with a signal.',
      signature: '<signal> [id1 [id2 [... [idN]]]]',
      args: [{ name: 'signal', kind: 'text', required: true }],
      variadic: 'task_id',
    },
  ]
}
