/**
 * Runs the tests in stages, from the quick to the slow, each file in a process of its own.
 *
 *     node scripts/test.ts [unit | wire | … | part of a path | --test-name-pattern=…] …
 *
 * A file has failed, too, when it does not end by itself (something is still open) or when it leaves processes
 * behind. The last line is `N passed, N failed, N skipped`.
 */
import { globSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { findProgram } from '../test/support/require-server.ts'
import type { RabbitmqServer } from '../test/support/servers/rabbitmq.ts'
import { environmentOf, startRabbitmq } from '../test/support/servers/rabbitmq.ts'
import { killProcesses, processesOf } from './marked-processes.ts'

interface Stage {
  readonly name: string
  readonly folders: readonly string[]
  /** How many files run at once. */
  readonly concurrency: number
  /** Seconds until a file that has not ended is killed. */
  readonly patience: number
}

interface FileResult {
  readonly file: string
  readonly passed: number
  readonly failed: number
  /** `name: reason` of each skipped test. */
  readonly skipped: readonly string[]
  readonly seconds: number
  /** What the spec reporter of Node and the test itself have written. */
  readonly output: string
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const STAGES: readonly Stage[] = [
  { name: 'unit', folders: ['unit', 'wire', 'types'], concurrency: availableParallelism(), patience: 300 },
  { name: 'adapters', folders: ['adapters'], concurrency: 2, patience: 600 },
  { name: 'integration', folders: ['integration'], concurrency: 2, patience: 600 },
  { name: 'fuzz', folders: ['fuzz'], concurrency: 2, patience: 600 },
  { name: 'interop', folders: ['interop'], concurrency: 2, patience: 600 },
]
/** Seconds that what a test has started may take to end after the test file itself. */
const GRACE = 20

async function main(words: readonly string[]): Promise<void> {
  const patterns = words
    .filter((word) => word.startsWith('--test-name-pattern='))
    .map((word) => word.slice(20))
  const wanted = words.filter((word) => !word.startsWith('--'))
  const plan = STAGES.map((stage) => ({ stage, files: filesOf(stage, wanted) }))
  const rabbitmq = startBroker(plan.flatMap(({ files }) => files))
  // A failure is told by the await below; until then it must not count as unhandled.
  rabbitmq.catch(() => {})
  const results: FileResult[] = []
  for (const { stage, files } of plan) {
    if (files.length === 0) {
      continue
    }
    print(`\n── ${stage.name}: ${files.length} files`)
    const env =
      stage.name === 'unit' ? {} : await rabbitmq.then((server) => (server ? environmentOf(server) : {}))
    results.push(...(await runAll(files, stage, (file) => runFile(file, stage, env, patterns))))
  }
  await (await rabbitmq)?.kill()
  process.exitCode = report(results) ? 0 : 1
}

/** The files of a stage whose folder is wanted and whose path has one of the other words in it. */
function filesOf(stage: Stage, wanted: readonly string[]): string[] {
  const kinds = new Set(STAGES.flatMap(({ folders }) => folders))
  const folders = stage.folders.filter(
    (folder) => wanted.includes(folder) || !wanted.some((word) => kinds.has(word)),
  )
  const words = wanted.filter((word) => !kinds.has(word))
  return folders
    .flatMap((folder) => globSync(`test/${folder}/**/*.test.ts`, { cwd: ROOT }))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort()
}

/** One RabbitMQ for all files that speak of it; starting it takes as long as many a test file. */
async function startBroker(files: readonly string[]): Promise<RabbitmqServer | undefined> {
  const isNeeded = files.some(
    (file) =>
      !file.startsWith('test/unit/') && /sharedRabbitmq/.test(readFileSync(`${ROOT}/${file}`, 'utf8')),
  )
  return isNeeded && findProgram('rabbitmq-server') ? await startRabbitmq() : undefined
}

/** Runs the files of a stage, several at once, the largest first so that none is left alone at the end. */
async function runAll(
  files: readonly string[],
  { concurrency }: Stage,
  runOne: (file: string) => Promise<FileResult>,
): Promise<FileResult[]> {
  const queue = files.toSorted((a, b) => statSync(`${ROOT}/${b}`).size - statSync(`${ROOT}/${a}`).size)
  const results: FileResult[] = []
  const lane = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await runOne(file)
      results.push(result)
      printResult(result)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  return results
}

/** The environment without what would change the output of programs, or which broker and settings they use. */
const CLEAN: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(?:CELERY_|BROKER_URL$|RESULT_BACKEND$|FORCE_COLOR$|NO_COLOR$|COLUMNS$)/.test(name),
  ),
)

/** Each file's processes carry its mark in their environment. */
const marks = new Set<string>()

async function runFile(
  file: string,
  stage: Stage,
  env: Readonly<Record<string, string>>,
  patterns: readonly string[],
): Promise<FileResult> {
  const mark = `CELERIAC_TEST_RUN=${process.pid}.${marks.size}`
  marks.add(mark)
  const [markName = '', markValue = ''] = mark.split('=')
  const started = performance.now()
  const faults: string[] = []
  const skipped: string[] = []
  let [passed, failed, output] = [0, 0, '']
  const events = run({
    cwd: ROOT,
    files: [file],
    concurrency: false,
    env: { ...CLEAN, ...env, [markName]: markValue },
    ...(patterns.length > 0 ? { testNamePatterns: patterns } : {}),
  })
  events.on('test:pass', ({ name, skip, details }) => {
    if (skip !== undefined && skip !== false) {
      skipped.push(typeof skip === 'string' ? `${name}: ${skip}` : name)
    } else if (details.type !== 'suite') {
      passed += 1
    }
  })
  events.on('test:fail', ({ details }) => {
    failed += details.type === 'suite' ? 0 : 1
  })
  const timer = setTimeout(() => {
    const open = processesOf(mark)
    faults.push(
      `not ended after ${stage.patience} s: something is still open, or a test hangs`,
      ...open.map(String),
    )
    killProcesses(open)
  }, stage.patience * 1000)
  for await (const text of events.compose(spec)) {
    output += text
  }
  clearTimeout(timer)
  const left = await survivors(mark)
  if (left.length > 0) {
    faults.push('left processes behind, which were killed now:', ...left.map(String))
    killProcesses(left)
  }
  return {
    file,
    passed,
    failed: failed + (faults.length > 0 ? 1 : 0),
    skipped,
    seconds: (performance.now() - started) / 1000,
    output: `${output}${faults.map((fault) => `${fault}\n`).join('')}`,
  }
}

/** The processes of a test file that still run some time after its end. */
async function survivors(mark: string): Promise<ReturnType<typeof processesOf>> {
  const deadline = performance.now() + GRACE * 1000
  let left = processesOf(mark)
  while (left.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    left = processesOf(mark)
  }
  return left
}

function printResult({ file, passed, failed, skipped, seconds, output }: FileResult): void {
  const counts = [
    `${passed} passed`,
    failed && `${failed} failed`,
    skipped.length && `${skipped.length} skipped`,
  ]
  print(`${failed ? '✖' : '✔'} ${file}  ${counts.filter(Boolean).join(', ')}  (${seconds.toFixed(1)} s)`)
  if (failed) {
    print(output)
  }
}

/** Prints the sums and what was skipped; answers whether all is well. */
function report(results: readonly FileResult[]): boolean {
  const passed = sum(results.map((result) => result.passed))
  const failed = sum(results.map((result) => result.failed))
  const skipped = results.flatMap((result) => result.skipped.map((reason) => `${result.file}: ${reason}`))
  const broken = results.filter((result) => result.failed > 0)
  print('')
  for (const line of skipped) {
    print(`skipped  ${line}`)
  }
  for (const { file } of broken) {
    print(`failed   ${file}`)
  }
  if (passed + failed === 0) {
    print('No test was run: is the stage or the file name right?')
  }
  print(`${passed} passed, ${failed} failed, ${skipped.length} skipped`)
  const serverMissing = Boolean(process.env['CI']) && skipped.some((line) => line.endsWith('not installed'))
  return failed === 0 && passed > 0 && !serverMissing
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killProcesses([...marks].flatMap(processesOf))
    process.exit(130)
  })
}
await main(process.argv.slice(2))
