import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { CleanupContext } from '../cleanup.ts'
import { freePort } from '../free-port.ts'
import { findProgram, requireProgram } from '../require-server.ts'
import type { RunningProcess } from '../spawn.ts'
import { startProcess } from '../spawn.ts'
import { tempDir } from '../temp-dir.ts'
import type { SqlServer } from './postgresql.ts'

/** Test options that skip where MariaDB is not installed. */
export function needsMariadb(): { skip: string | false } {
  const isThere = findProgram('mariadbd') && findProgram('my_print_defaults')
  return { skip: isThere || process.env['CI'] ? false : 'MariaDB not installed' }
}

/** Starts a private MariaDB on a free port of 127.0.0.1. It ends with the test `t`, or with this process. */
export async function startMariadb(t?: CleanupContext): Promise<SqlServer> {
  const dir = tempDir(t, 'celeriac-mariadb')
  const data = join(dir, 'data')
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  const socket = `--socket=${join(dir, 's')}`
  execFileSync(
    requireProgram('mariadb-install-db'),
    [
      '--no-defaults',
      `--datadir=${data}`,
      ...user,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ],
    { stdio: 'pipe' },
  )
  const start = async (): Promise<RunningProcess> => {
    const server = startProcess(
      requireProgram('mariadbd'),
      [
        ...[
          '--no-defaults',
          ...user,
          `--datadir=${data}`,
          `--port=${port}`,
          '--bind-address=127.0.0.1',
          socket,
        ],
        ...['--skip-log-bin', '--skip-name-resolve', '--innodb-flush-log-at-trx-commit=2'],
        ...['--innodb-buffer-pool-size=16M', '--performance-schema=OFF'],
      ],
      { t },
    )
    await server.waitForOutput(/ready for connections/)
    return server
  }
  let running = await start()
  const { createConnection } = await import('mysql2/promise')
  const ask = async (database: string | undefined, statement: string): Promise<readonly unknown[]> => {
    const connection = await createConnection({
      host: '127.0.0.1',
      port,
      user: 'root',
      ...(database ? { database } : {}),
    })
    const [rows] = await connection.query(statement)
    await connection.end()
    return Array.isArray(rows) ? rows : []
  }
  let databases = 0
  const url = `mysql://root@127.0.0.1:${port}`
  return {
    url,
    async newDatabase() {
      databases += 1
      await ask(undefined, `CREATE DATABASE test${databases} CHARACTER SET utf8mb4`)
      return `${url}/test${databases}`
    },
    sql: ask,
    kill: () => running.kill(),
    async restart() {
      running = await start()
    },
  }
}
