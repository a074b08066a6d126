/**
 * Makes a bare machine ready and runs a TypeScript script on the Node of this project:
 *
 *     node scripts/bootstrap.mjs [--servers] [--python] scripts/test.ts [arguments]
 *
 * Plain JavaScript that runs on Node 20 without packages: it installs the packages when they are missing or stale;
 * for `--servers` what the tests talk to (on Debian as root); for `--python` an environment with Python's Celery in
 * .cache/python. What can't be had is told, and the tests that need it are skipped; under CI that is an error.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { constants as osConstants, uptime } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BIN = join(ROOT, 'node_modules/.bin')
const NODE = join(BIN, 'node')
const CACHE = join(ROOT, '.cache')
const PYTHON = join(CACHE, 'python')
/** Program → Debian package. */
const SERVERS = {
  'redis-server': 'redis-server',
  'rabbitmq-server': 'rabbitmq-server',
  memcached: 'memcached',
  pg_ctlcluster: 'postgresql',
  mariadbd: 'mariadb-server-core',
  // mariadb-install-db needs it.
  my_print_defaults: 'mariadb-client-core',
}
const REQUIREMENTS = [
  'celery[redis,msgpack,yaml,sqlalchemy,brotli,zstd,auth]==5.6.2',
  'kombu==5.6.2',
  'redis<7',
  'python-memcached==1.62',
  'pg8000==1.31.6',
  'pymysql==1.2.4',
]
const POLICY = '/usr/sbin/policy-rc.d'
/** A new machine may be busy with its own updates, which hold the lock, and mirrors answer not always the first time. */
const APT = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']

let listsAreFresh = false

function say(text) {
  process.stderr.write(`${text}\n`)
}

/** Runs a command to its end; answers whether it succeeded. Its output is shown only when it fails. */
function run(command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 << 20,
  })
  if (result.status !== 0) {
    say(
      `${command} ${args.join(' ')} failed: ${result.error?.message ?? ''}\n${result.stdout}${result.stderr}`,
    )
  }
  return result.status === 0
}

/** Runs `prepare` while no other bootstrap of this checkout does. */
async function alone(prepare) {
  const lock = join(CACHE, 'bootstrap.lock')
  mkdirSync(CACHE, { recursive: true })
  for (let waits = 0; ; waits += 1) {
    try {
      writeFileSync(lock, `${process.pid}`, { flag: 'wx' })
      break
    } catch (error) {
      if (error.code !== 'EEXIST') {
        throw error
      }
      if (!isAlive(lock)) {
        rmSync(lock, { force: true })
      }
      if (waits === 50) {
        say(`Another bootstrap prepares this checkout; if none does, remove ${lock}.`)
      }
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
  try {
    prepare()
  } finally {
    rmSync(lock, { force: true })
  }
}

/** Whether the process that made the lock runs. One from before the machine was started does not, whoever has its number. */
function isAlive(lock) {
  try {
    if (statSync(lock).mtimeMs < Date.now() - uptime() * 1000) {
      return false
    }
    process.kill(Number(readFileSync(lock, 'utf8')), 0)
    return true
  } catch {
    return false
  }
}

function installPackages() {
  if (packagesAreFresh()) {
    return
  }
  say('Installing the npm packages …')
  const npm = process.env.npm_execpath
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  const done = npm ? run(process.execPath, [npm, ...args]) : run('npm', args)
  if (!done) {
    process.exit(1)
  }
}

/** Whether what is installed is what the lock file says. Optional packages may be absent. */
function packagesAreFresh() {
  const installed = readPackages('node_modules/.package-lock.json')
  const wanted = readPackages('package-lock.json')
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  )
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages
  } catch {
    return {}
  }
}

function findProgram(name) {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/opt/homebrew/sbin'].some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function installServers() {
  const missing = Object.keys(SERVERS).filter((program) => !findProgram(program))
  if (missing.length === 0 || installDebian(missing.map((program) => SERVERS[program]))) {
    return
  }
  giveUp(`${missing.join(' and ')} not installed`)
}

/** Installs Debian packages without a single service being started. Answers whether it succeeded. */
function installDebian(packages) {
  if (process.getuid?.() !== 0 || !findProgram('apt-get')) {
    return false
  }
  say(`Installing ${packages.join(', ')} …`)
  const env = { DEBIAN_FRONTEND: 'noninteractive', ERL_EPMD_ADDRESS: '127.0.0.1' }
  const letServicesBe = forbidServices()
  try {
    if (!listsAreFresh) {
      listsAreFresh = run('apt-get', [...APT, 'update', '-q'], env)
    }
    return run('apt-get', [...APT, 'install', '-q', '-y', '--no-install-recommends', ...packages], env)
  } finally {
    letServicesBe()
  }
}

/** Puts a policy in place by which no package may start its service; answers how to take it away again. */
function forbidServices() {
  if (existsSync(POLICY) && spawnSync(POLICY, ['any', 'start']).status === 101) {
    return () => {}
  }
  const aside = `${POLICY}.celeriac`
  const had = existsSync(POLICY)
  if (had) {
    renameSync(POLICY, aside)
  }
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n')
  chmodSync(POLICY, 0o755)
  return () => (had ? renameSync(aside, POLICY) : rmSync(POLICY))
}

/** Makes .cache/python with Celery from PyPI. Second choice is Debian's own Celery. */
function installPython() {
  const stamp = join(PYTHON, 'requirements')
  if (process.env.CELERIAC_TEST_PYTHON || hasStamp(stamp)) {
    return
  }
  say("Installing Python's Celery into .cache/python …")
  rmSync(PYTHON, { recursive: true, force: true })
  const makeEnvironment = () => run('python3', ['-m', 'venv', PYTHON])
  if (makeEnvironment() || (installDebian(['python3-venv']) && makeEnvironment())) {
    const pip = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...REQUIREMENTS]
    if (run(join(PYTHON, 'bin/python'), pip, { PIP_ROOT_USER_ACTION: 'ignore' })) {
      writeFileSync(stamp, REQUIREMENTS.join('\n'))
      return
    }
  }
  rmSync(PYTHON, { recursive: true, force: true })
  if (!installDebian(['python3-celery', 'python3-redis', 'python3-cryptography'])) {
    giveUp("Python's Celery not installed")
  }
}

function hasStamp(stamp) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === REQUIREMENTS.join('\n')
}

/** What can't be had is an error under CI, and elsewhere a reason to skip tests. */
function giveUp(lack) {
  if (process.env.CI) {
    say(
      `${lack}. Under CI nothing is skipped: install it, or run as root on Debian, where this script does it.`,
    )
    process.exit(1)
  }
  say(`${lack}: the tests that need it are skipped.`)
}

/** The Node of this project, or the one that runs this, when it can run TypeScript. */
function findNode() {
  if (spawnSync(NODE, ['--version']).status === 0) {
    return NODE
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 18)) {
    return process.execPath
  }
  say(
    `${NODE} does not run, and this Node is ${process.version}, older than 22.18. ` +
      'Was npm told to ignore scripts? Remove node_modules and run `npm ci` with scripts, or use a newer Node.',
  )
  process.exit(1)
}

const argv = process.argv.slice(2)
const flags = argv.slice(
  0,
  argv.findIndex((word) => !word.startsWith('--')),
)
await alone(() => {
  installPackages()
  if (flags.includes('--servers')) {
    installServers()
  }
  if (flags.includes('--python')) {
    installPython()
  }
})

const child = spawn(findNode(), argv.slice(flags.length), {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}` },
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => child.kill(signal))
}
child.once('exit', (code, signal) => {
  process.exitCode = code ?? 128 + osConstants.signals[signal]
})
