import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CleanupContext } from './cleanup.ts'
import { findProgram } from './require-server.ts'
import type { RunningProcess } from './spawn.ts'
import { startProcess } from './spawn.ts'

export interface Python {
  /** The interpreter, which has Celery. */
  readonly path: string
  /** The version of Celery. */
  readonly celery: string
}

export interface PythonOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A Python file whose neighbours the script may import; that of the script itself when it is a file. */
  readonly path?: string
  /** Milliseconds until the script is killed; default 3 minutes. */
  readonly timeout?: number
}

export interface PythonWorkerOptions {
  /** The file with the Python app; its folder is the working folder, its name the module of `-A`. */
  readonly app: string
  /** Words after `worker`; `-l INFO` is there already. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

let found: Python | undefined | false

/**
 * The Python that the interop tests talk to: `CELERIAC_TEST_PYTHON`, or the environment that `npm test` has made in
 * `.cache/python`, or the Python of the system, whichever has Celery first.
 */
export function findPython(): Python | undefined {
  found ??= candidates().map(withCelery).find(Boolean) ?? false
  return found || undefined
}

/**
 * Test options that skip a test where no Python has Celery, or that Python lacks a module. Under `CI` nothing is skipped.
 */
export function needsPython(module?: string): { skip: string | false } {
  if (process.env['CI']) return { skip: false }
  const python = findPython()
  if (python === undefined) return { skip: 'Python Celery not installed' }
  return { skip: module === undefined || has(python, module) ? false : `Python's ${module} not installed` }
}

/** The same for a Python that lacks some module. */
export function needsPythonModules(...modules: readonly string[]): { skip: string | false } {
  const python = findPython()
  if (python === undefined || modules.length === 0 || process.env['CI']) return needsPython()
  try {
    execFileSync(python.path, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' })
    return { skip: false }
  } catch {
    return { skip: `Python has no ${modules.join(' and ')}` }
  }
}

/** Runs a Python script (a file ending in `.py`, or the code itself); answers what it wrote to standard output. */
export async function runPython(
  script: string,
  args: readonly string[] = [],
  { env, path, timeout = 180_000 }: PythonOptions = {},
): Promise<string> {
  const isFile = script.endsWith('.py')
  const neighbour = path ?? (isFile ? script : undefined)
  const running = startProcess(requirePython().path, [...(isFile ? [script] : ['-c', script]), ...args], {
    env: { ...PYTHON_ENV, ...(neighbour ? { PYTHONPATH: dirname(neighbour) } : {}), ...env },
  })
  const timer = setTimeout(() => void running.kill(), timeout)
  const end = await running.wait()
  clearTimeout(timer)
  if (end !== 0) {
    throw new Error(`The Python script ended with ${end}:\n${running.output()}`)
  }
  return running.stdout()
}

/** Starts a real Celery worker and waits until it is ready. `stop` is a warm shutdown. */
export async function startPythonWorker(
  t: CleanupContext | undefined,
  { app, args = [], env }: PythonWorkerOptions,
): Promise<RunningProcess> {
  const worker = startPythonCelery(t, {
    app,
    args: ['worker', '-l', 'INFO', ...args],
    ...(env ? { env } : {}),
  })
  await worker.waitForOutput(/ ready\.\s/)
  return worker
}

/** Starts any command of Python's `celery` (`beat`, `inspect ping`, `events --dump`, …) without waiting. */
export function startPythonCelery(
  t: CleanupContext | undefined,
  { app, args = [], env }: PythonWorkerOptions,
): RunningProcess {
  const module = basename(app, '.py')
  return startProcess(requirePython().path, ['-m', 'celery', '-A', module, ...args], {
    t,
    cwd: dirname(app),
    env: { ...PYTHON_ENV, ...env },
  })
}

const PYTHON_ENV: Readonly<Record<string, string>> = {
  PYTHONUNBUFFERED: '1',
  PYTHONDONTWRITEBYTECODE: '1',
  // Celery only warns about root, but some settings make it refuse.
  C_FORCE_ROOT: '1',
}

/** The Python that the interop tests talk to; an error says how to get one. */
export function requirePython(): Python {
  const python = findPython()
  if (!python) {
    throw new Error(
      'No Python with Celery. `npm test` makes one in .cache/python; or name one in CELERIAC_TEST_PYTHON.',
    )
  }
  return python
}

function candidates(): string[] {
  const own = join(dirname(fileURLToPath(import.meta.url)), '../../.cache/python/bin/python')
  const system = ['/usr/bin/python3', findProgram('python3')]
  return [process.env['CELERIAC_TEST_PYTHON'], own, ...system].filter((path) => path !== undefined)
}

function has({ path }: Python, module: string): boolean {
  return spawnSync(path, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0
}

function withCelery(path: string): Python | undefined {
  if (!existsSync(path)) {
    return undefined
  }
  try {
    const code = 'import celery, redis; print(celery.__version__)'
    const celery = execFileSync(path, ['-c', code], { stdio: ['ignore', 'pipe', 'ignore'] })
    return { path, celery: celery.toString().trim() }
  } catch {
    // This one has no Celery; the next may.
    return undefined
  }
}
