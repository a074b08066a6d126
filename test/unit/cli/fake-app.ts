import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { CliIo } from '../../../src/cli/cli-context.ts'
import { tempDir } from '../../support/temp-dir.ts'

const CONFIGURATION = fileURLToPath(new URL('../../../src/config/configuration.ts', import.meta.url))

/** Source of an expression that makes what the command line takes for an app; it notes its calls in `calls`. */
function fakeApp(name: string): string {
  return `((calls) => ({
    calls, main: '${name}', tasks: new Map([['${name}.add', {}]]), taskNames: ['${name}.add', 'celery.ping'],
    conf: new Configuration({ brokerUrl: 'redis://:secret@localhost' }),
    userOptions: { preload: [], worker: [], beat: [], events: [] },
    signals: { userPreloadOptions: { async send() {} } },
    task() {}, runnerSource() {}, async loadModules() { calls.push(['loadModules']) },
    async sendTask(...call) { calls.push(['sendTask', ...call]); return { id: 'id-of-${name}' } },
    asyncResult(id) {
      calls.push(['asyncResult', id])
      return { get: async () => ({ answer: 42 }), traceback: async () => 'Traceback: boom' }
    },
    consumedQueues({ select, exclude }) {
      const names = select.length > 0 ? select : ['celery', 'hipri']
      return names.filter((each) => !exclude.includes(each)).map((each) => ({ name: each }))
    },
    async purge(queues) { calls.push(['purge', ...queues]); return queues.includes('celery') ? 3 : 0 },
    async close() { calls.push(['close']) },
  }))([])`
}

/** A folder with modules; `APP(name)` in their text is replaced by a fake app. */
export function folderWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = tempDir(t)
  for (const [file, text] of Object.entries(files)) {
    const path = join(folder, file)
    mkdirSync(dirname(path), { recursive: true })
    const body = text.replace(/APP\((\w+)\)/g, (_, name: string) => fakeApp(name))
    const isModule = !file.endsWith('.cjs') && !file.endsWith('.json')
    const head = isModule ? `import { Configuration } from '${CONFIGURATION}'\nvoid Configuration\n` : ''
    writeFileSync(path, head + body)
  }
  return folder
}

/** What a command wrote, and an `io` that lets it write. */
export interface TestIo extends CliIo {
  output(): string
  errors(): string
}

/** Streams that keep what is written, and an environment of their own. */
export function testIo(environment: Record<string, string> = {}, answers: readonly string[] = []): TestIo {
  let out = ''
  let err = ''
  const waiting = [...answers]
  return {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    environment,
    outIsTerminal: false,
    errIsTerminal: false,
    ask: async (question) => {
      out += question
      return waiting.shift()
    },
    output: () => out,
    errors: () => err,
  }
}
