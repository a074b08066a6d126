import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { CleanupContext } from '../cleanup.ts'
import { onCleanup } from '../cleanup.ts'
import { freePort } from '../free-port.ts'
import { findProgram, requireProgram } from '../require-server.ts'
import type { RunningProcess } from '../spawn.ts'
import { startProcess } from '../spawn.ts'
import { tempDir } from '../temp-dir.ts'

const run = promisify(execFile)

export interface RabbitmqOptions {
  /** More lines of rabbitmq.conf, for example `consumer_timeout = 1000`. */
  readonly config?: readonly string[]
}

/** All that another process needs to command a node: it is plain data and travels in the environment. */
export interface RabbitmqNode {
  readonly port: number
  readonly distPort: number
  readonly cookie: string
  readonly env: Readonly<Record<string, string>>
}

export interface Vhost {
  readonly name: string
  /** `amqp://guest:guest@127.0.0.1:port/name` */
  readonly url: string
}

export interface Rabbitmq {
  /** URL of the vhost `/`. */
  readonly url: string
  readonly port: number
  readonly node: RabbitmqNode
  /** Makes an empty vhost that goes away with the test. Takes some milliseconds. */
  newVhost(t?: CleanupContext): Promise<Vhost>
  /** Runs rabbitmqctl (about two seconds, it starts a virtual machine of its own); answers what it printed. */
  ctl(...args: readonly string[]): Promise<string>
}

export interface RabbitmqServer extends Rabbitmq {
  readonly pid: number
  /** Stops in order, as `rabbitmqctl stop` does. */
  stop(): Promise<void>
  /** Kills the node as a crash would. */
  kill(): Promise<void>
  /** Starts it again on the same ports and data; stops it first when it runs. */
  restart(): Promise<void>
}

/**
 * Starts a private RabbitMQ node on free ports of 127.0.0.1 with its own data, cookie and epmd. Takes some 5 s: a
 * test that doesn't stop the broker takes {@link sharedRabbitmq} instead. It ends with the test `t`, or with this
 * process.
 */
export async function startRabbitmq(
  t?: CleanupContext,
  options: RabbitmqOptions = {},
): Promise<RabbitmqServer> {
  const program = findServerScript()
  const dir = tempDir(t, 'celeriac-rabbitmq')
  const node = await layOut(dir, options)
  const epmd = startProcess(
    requireProgram('epmd'),
    ['-port', node.env['ERL_EPMD_PORT'] ?? '', '-address', '127.0.0.1'],
    { t },
  )
  let running: RunningProcess | undefined
  const start = async (): Promise<RunningProcess> => {
    const server = startProcess(program, [], { t, env: node.env, cwd: dir })
    await server.waitForOutput(/completed with \d+ plugins/, { timeout: 180_000 })
    return server
  }
  const stop = async (): Promise<void> => {
    await running?.stop({ ask: () => evaluate(node, 'init:stop()'), patience: 120_000 })
    running = undefined
  }
  running = await start()
  return {
    ...rabbitmqOf(node),
    get pid() {
      return running?.pid ?? epmd.pid
    },
    stop,
    async kill() {
      await running?.kill()
      running = undefined
    },
    async restart() {
      await stop()
      running = await start()
    },
  }
}

let ownNode: Promise<Rabbitmq> | undefined

/**
 * The RabbitMQ that all test files of a run share: `scripts/test.ts` starts it and tells of it in the environment.
 * A test file that is run by itself gets one of its own. Make a vhost in it, and never stop it.
 */
export async function sharedRabbitmq(): Promise<Rabbitmq> {
  const shared = process.env['CELERIAC_TEST_RABBITMQ_NODE']
  ownNode ??= shared ? Promise.resolve(rabbitmqOf(JSON.parse(shared))) : startRabbitmq()
  return await ownNode
}

/** What `sharedRabbitmq` of another process needs in its environment. */
export function environmentOf({ url, node }: Rabbitmq): Record<string, string> {
  return { CELERIAC_TEST_RABBITMQ: url, CELERIAC_TEST_RABBITMQ_NODE: JSON.stringify(node) }
}

function rabbitmqOf(node: RabbitmqNode): Rabbitmq {
  const url = `amqp://guest:guest@127.0.0.1:${node.port}/`
  return {
    url: `${url}%2F`,
    port: node.port,
    node,
    async newVhost(t) {
      const name = `test-${randomBytes(6).toString('hex')}`
      const [vhost, by] = [`<<"${name}">>`, '<<"test">>']
      await evaluate(
        node,
        `ok = rabbit_vhost:add(${vhost}, ${by}), rabbit_auth_backend_internal:set_permissions(` +
          `<<"guest">>, ${vhost}, <<".*">>, <<".*">>, <<".*">>, ${by})`,
      )
      if (t) {
        // The test may have stopped the node itself, and then there is nothing to remove.
        const remove = (): Promise<void> =>
          evaluate(node, `rabbit_vhost:delete(${vhost}, ${by}), ok`).catch(() => {})
        onCleanup(t, remove, () => {})
      }
      return { name, url: `${url}${name}` }
    },
    async ctl(...args) {
      const { stdout } = await run(findServerScript('rabbitmqctl'), args, {
        env: { ...process.env, ...node.env },
      })
      return stdout
    },
  }
}

let lastCall = 0

/** Evaluates Erlang in the node by erl_call, which needs milliseconds where rabbitmqctl needs seconds. */
async function evaluate(node: RabbitmqNode, code: string): Promise<void> {
  // A name of its own for each call: the random names of erl_call (-r) are the same within one second.
  const name = `celeriac_${process.pid}_${++lastCall}`
  const address = `127.0.0.1:${node.distPort}`
  const where = ['-address', address, '-c', node.cookie, '-timeout', '30', '-h', name, '-e']
  const running = run(requireProgram('erl_call'), where)
  // When the node is not there erl_call ends before it has read its input; its exit code tells.
  running.child.stdin?.on('error', () => {}).end(`${code}.\n`)
  const { stdout } = await running
  if (!stdout.startsWith('{ok, ok}')) {
    throw new Error(`RabbitMQ answered ${stdout} to: ${code}`)
  }
}

/** Writes the configuration of a node and chooses its ports. */
async function layOut(dir: string, options: RabbitmqOptions): Promise<RabbitmqNode> {
  const [port, distPort, epmdPort] = [await freePort(), await freePort(), await freePort()]
  const cookie = randomBytes(10).toString('hex')
  mkdirSync(join(dir, 'home'))
  writeFileSync(join(dir, 'home', '.erlang.cookie'), cookie, { mode: 0o400 })
  writeFileSync(join(dir, 'enabled_plugins'), '[].\n')
  writeFileSync(join(dir, 'rabbitmq-env.conf'), '')
  const config = [`listeners.tcp.1 = 127.0.0.1:${port}`, 'loopback_users = none', ...(options.config ?? [])]
  writeFileSync(join(dir, 'rabbitmq.conf'), `${config.join('\n')}\n`)
  return {
    port,
    distPort,
    cookie,
    env: {
      HOME: join(dir, 'home'),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_EPMD_PORT: `${epmdPort}`,
      RABBITMQ_CONF_ENV_FILE: join(dir, 'rabbitmq-env.conf'),
      RABBITMQ_CONFIG_FILE: join(dir, 'rabbitmq.conf'),
      RABBITMQ_DIST_PORT: `${distPort}`,
      RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, 'enabled_plugins'),
      RABBITMQ_LOG_BASE: join(dir, 'log'),
      RABBITMQ_MNESIA_BASE: join(dir, 'mnesia'),
      RABBITMQ_NODENAME: `celeriac-${port}@localhost`,
      RABBITMQ_PID_FILE: join(dir, 'pid'),
      // Schedulers that don't spin while they wait leave the processor to the tests.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
        '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none',
    },
  }
}

/**
 * The script itself: what Debian has in /usr/sbin is a wrapper that changes the user and asks for root. Another version
 * is tested with the folder of its scripts in CELERIAC_TEST_RABBITMQ_BIN.
 */
function findServerScript(name = 'rabbitmq-server'): string {
  const given = process.env['CELERIAC_TEST_RABBITMQ_BIN']
  if (given) {
    return join(given, name)
  }
  const scripts = '/usr/lib/rabbitmq/bin'
  if (existsSync(join(scripts, name))) {
    return join(scripts, name)
  }
  return findProgram(name) ?? requireProgram(name)
}
