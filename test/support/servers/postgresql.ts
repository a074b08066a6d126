import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CleanupContext } from '../cleanup.ts'
import { freePort } from '../free-port.ts'
import { findProgram, requireProgram } from '../require-server.ts'
import type { RunningProcess } from '../spawn.ts'
import { startProcess } from '../spawn.ts'
import { tempDir } from '../temp-dir.ts'

export interface SqlServer {
  /** `postgresql://user@127.0.0.1:port` or `mysql://…`, without a database. */
  readonly url: string
  /** Makes an empty database; answers the whole URL. */
  newDatabase(): Promise<string>
  /** Runs a statement with another client than ours; answers the rows. */
  sql(database: string | undefined, statement: string): Promise<readonly unknown[]>
  kill(): Promise<void>
  /** Starts it again on the same port and data. */
  restart(): Promise<void>
}

/** Where Debian keeps what an ordinary user need not call. */
const DEBIAN = '/usr/lib/postgresql'

/** Test options that skip where PostgreSQL is not installed. */
export function needsPostgresql(): { skip: string | false } {
  return { skip: findBinary('initdb') || process.env['CI'] ? false : 'PostgreSQL not installed' }
}

/** Starts a private PostgreSQL on a free port of 127.0.0.1. It ends with the test `t`, or with this process. */
export async function startPostgresql(t?: CleanupContext): Promise<SqlServer> {
  const dir = tempDir(t, 'celeriac-postgresql')
  const data = join(dir, 'data')
  const port = await freePort()
  const url = `postgresql://postgres@127.0.0.1:${port}`
  const user = unprivileged(dir)
  const [initdb, postgres] = [binary('initdb'), binary('postgres')]
  const init = [...user, initdb, '-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8']
  execFileSync(init[0] ?? '', [...init.slice(1), '--locale=C.UTF-8'], { stdio: 'pipe', cwd: dir })
  const { default: pg } = await import('pg')
  const sql = async (database: string | undefined, statement: string): Promise<readonly unknown[]> => {
    const client = new pg.Client({ connectionString: `${url}/${database ?? 'postgres'}` })
    await client.connect()
    const { rows } = await client.query(statement)
    await client.end()
    return rows
  }
  const options = ['fsync=off', 'full_page_writes=off', 'shared_buffers=16MB', 'listen_addresses=127.0.0.1']
  const start = async (): Promise<RunningProcess> => {
    const args = [...user, postgres, '-D', data, '-p', `${port}`, '-k', dir]
    const settings = options.flatMap((option) => ['-c', option])
    const server = startProcess(args[0] ?? '', [...args.slice(1), ...settings], { t, cwd: dir })
    await server.waitForOutput(/ready to accept connections/)
    return server
  }
  let running = await start()
  let databases = 0
  return {
    url,
    async newDatabase() {
      databases += 1
      await sql(undefined, `CREATE DATABASE test${databases}`)
      return `${url}/test${databases}`
    },
    sql,
    async kill() {
      // Like a crash, but its processes do not outlive it: the data could not be used again so soon.
      await running.stop({ ask: () => running.signal('SIGQUIT') })
    },
    async restart() {
      running = await start()
    },
  }
}

/** PostgreSQL refuses to run as root: words that make another user run it. */
function unprivileged(dir: string): readonly string[] {
  if (process.getuid?.() !== 0) return []
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe', encoding: 'utf8' }))
  chownSync(dir, id('-u'), id('-g'))
  chmodSync(dir, 0o755)
  return [requireProgram('setpriv'), '--reuid=postgres', '--regid=postgres', '--clear-groups', '--']
}

function findBinary(name: string): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort() : []
  const candidates = versions.map((version) => join(DEBIAN, version, 'bin', name)).reverse()
  return candidates.find((path) => existsSync(path)) ?? findProgram(name)
}

function binary(name: string): string {
  return findBinary(name) ?? requireProgram(name)
}
