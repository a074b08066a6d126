import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { suite, test } from 'node:test'
import type { UserAppOptions } from '../../../src/app/app-options.ts'
import type { Celery } from '../../../src/app/celery.ts'
import { redirectOutput } from '../../../src/app/output-redirect.ts'
import { getTaskLogger } from '../../../src/task/task-logger.ts'
import { StreamLogger, silentLogger } from '../../../src/util/logger.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { createTestApp } from './test-app.ts'

function quietApp(options: UserAppOptions = {}): Celery {
  return createTestApp({
    taskAlwaysEager: true,
    workerRedirectStdouts: false,
    workerLogFormat: '%(levelname)s %(name)s: %(message)s',
    workerTaskLogFormat: '%(levelname)s %(name)s %(task_name)s[%(task_id)s]: %(message)s',
    logger: undefined,
    ...options,
  })
}

/** The lines that a call of a task writes. */
async function linesOf(app: Celery, body: () => unknown): Promise<string[]> {
  const lines: string[] = []
  await app.log.setup({ loglevel: 'INFO', write: (text) => lines.push(text.trimEnd()) })
  const task = app.task('t.say', body)
  await task.applyAsync([], { taskId: 'one' })
  app.log.close()
  return lines
}

suite('lines of tasks', () => {
  test('have the format of tasks, with name and id [1-195 10-002 10-003]', async () => {
    const logger = getTaskLogger('proj.tasks')
    const lines = await linesOf(quietApp(), () => {
      logger.info('hello', { to: 'you' })
      logger.child('part').error('oops')
      logger.debug('not seen')
    })
    assert.deepEqual(lines, [
      'INFO celery.task.proj.tasks t.say[one]: hello to=you',
      'ERROR celery.task.proj.tasks.part t.say[one]: oops',
    ])
  })

  test('are those of self.logger, too [10-002]', async () => {
    const lines: string[] = []
    const app = quietApp()
    await app.log.setup({ loglevel: 'DEBUG', write: (text) => lines.push(text.trimEnd()) })
    await app
      .task('t.say', { bind: true }, (self) => self.logger.debug('hello'))
      .applyAsync([], { taskId: 'one' })
    assert.deepEqual(lines, ['DEBUG celery.task t.say[one]: hello'])
  })

  test('say so when no task runs [10-002]', async () => {
    const lines: string[] = []
    const app = quietApp({ setAsCurrent: true })
    await app.log.setup({ write: (text) => lines.push(text.trimEnd()) })
    getTaskLogger('m').warn('outside')
    app.logger.warn('of the app')
    assert.deepEqual(lines, ['WARNING celery.task.m ???[???]: outside', 'WARNING celery: of the app'])
  })
})

suite('setting up the log', () => {
  test('makes lines of warnings, until it is closed [10-014]', async () => {
    const before = process.listeners('warning').length
    const app = quietApp()
    const lines: string[] = []
    await app.log.setup({ write: (text) => lines.push(text.trimEnd()) })
    const emitted = once(process, 'warning')
    process.emitWarning('that is old', 'DeprecationWarning')
    await emitted
    assert.deepEqual(lines, ['WARNING celery.warnings: DeprecationWarning: that is old'])
    app.log.close()
    assert.equal(process.listeners('warning').length, before)
  })

  test('follows in a process of a pool what its worker has told [6-077]', async (t) => {
    const logfile = join(tempDir(t), 'child.log')
    const environment = {
      CELERY_LOG_LEVEL: 'INFO',
      CELERY_LOG_FILE: logfile,
      CELERY_LOG_REDIRECT_LEVEL: 'ERROR',
    }
    const print = async (redirect: string): Promise<string> => {
      const app = quietApp()
      await app.log.setupChild({ ...environment, CELERY_LOG_REDIRECT: redirect })
      app.logger.info('hello')
      if (redirect !== '') console.log('printed')
      app.log.close()
      return readFileSync(logfile, 'utf8')
    }
    const first = await print('')
    assert.equal(first, 'INFO celery: hello\n')
    assert.equal(await print('1'), `${first}${first}ERROR celery.redirected: printed\n`)
    await quietApp().log.setupChild({})
    assert.equal(readFileSync(logfile, 'utf8').split('\n').length, 4)
  })

  test('changes where those log who hold a logger already [10-015]', async () => {
    const app = quietApp()
    const early = app.logger.child('worker')
    assert.equal(app.log.alreadySetup, false)
    const lines: string[] = []
    await app.log.setup({ loglevel: 'INFO', write: (text) => lines.push(text.trimEnd()) })
    early.info('hello')
    assert.deepEqual(lines, ['INFO celery.worker: hello'])
    assert.equal(app.log.alreadySetup, true)
    assert.equal(app.log.supportsColor('file.log'), false)
  })

  test('writes into a file, without colours [10-015]', async (t) => {
    const app = quietApp({ workerLogColor: true })
    const logfile = join(tempDir(t), 'logs', 'celery.log')
    await app.log.setup({ logfile })
    app.logger.error('to the file')
    app.log.close()
    assert.equal(readFileSync(logfile, 'utf8'), 'ERROR celery: to the file\n')
  })

  test('is left to receivers of setupLogging [9-044 10-011]', async () => {
    const app = quietApp()
    const told: unknown[] = []
    app.signals.setupLogging.connect(({ loglevel, logfile, format, colorize }) => {
      told.push([loglevel, logfile, format, colorize])
      app.log.use(
        new StreamLogger('mine', { format: ({ message }) => message, write: (text) => told.push(text) }),
      )
    })
    app.signals.afterSetupLogger.connect(() => told.push('never'))
    await app.log.setup({ loglevel: 'INFO', write: () => told.push('never') })
    app.logger.warn('hello')
    const { workerLogFormat } = app.conf
    assert.deepEqual(told, [['INFO', undefined, workerLogFormat, app.log.supportsColor()], 'hello\n'])
  })

  test('is told afterwards, with the logger [9-045 9-046]', async () => {
    const app = quietApp()
    const told: unknown[] = []
    app.signals.afterSetupLogger.connect(({ logger, loglevel }) => told.push([logger.name, loglevel]))
    app.signals.afterSetupTaskLogger.connect(({ logger, format }) => told.push([logger.name, format]))
    await app.log.setup({ loglevel: 'ERROR', write: () => undefined })
    assert.deepEqual(told, [
      ['celery', 'ERROR'],
      ['celery.task', app.conf.workerTaskLogFormat],
    ])
  })

  test('leaves the logger alone that the app was given', async () => {
    const app = quietApp({ logger: silentLogger })
    const lines: string[] = []
    await app.log.setup({ write: (text) => lines.push(text) })
    app.logger.error('nobody hears')
    assert.deepEqual(lines, [])
    assert.equal(app.log.alreadySetup, true)
  })

  test('happens in processes of a pool as the environment says [10-015]', async (t) => {
    const logfile = join(tempDir(t), 'celery.log')
    const app = quietApp()
    await app.log.setupChild({})
    assert.equal(app.log.alreadySetup, false)
    await app.log.setupChild({ CELERY_LOG_LEVEL: 'INFO', CELERY_LOG_FILE: logfile })
    app.logger.info('from the child')
    app.log.close()
    assert.equal(readFileSync(logfile, 'utf8'), 'INFO celery: from the child\n')
  })
})

suite('what is printed', () => {
  test('becomes lines of the log with name and id of the task [1-191 1-192 10-012]', async () => {
    const lines = await linesOf(
      quietApp({ workerRedirectStdouts: true, workerRedirectStdoutsLevel: 'ERROR' }),
      () => {
        process.stdout.write('one\ntwo ')
        process.stdout.write('words\n\n')
        console.error('three')
      },
    )
    assert.deepEqual(lines, [
      'ERROR celery.redirected t.say[one]: one',
      'ERROR celery.redirected t.say[one]: two words',
      'ERROR celery.redirected t.say[one]: three',
    ])
  })

  test('is not turned into lines again when the log prints it, and is left alone afterwards [10-012]', () => {
    const printed: string[] = []
    const stdout = new PassThrough()
    const stderr = new PassThrough()
    for (const stream of [stdout, stderr]) stream.on('data', (chunk) => printed.push(String(chunk)))
    const logger = new StreamLogger('log', {
      format: ({ message }) => `[${message}]`,
      write: (text) => stderr.write(text),
    })
    const restore = redirectOutput(logger, 'WARNING', { stdout, stderr })
    stdout.write('hello\n')
    stderr.write('no end')
    restore()
    stdout.write('plain')
    assert.deepEqual(printed.join(''), '[hello]\n[no end]\nplain')
  })

  test('without an end it does not grow for ever', () => {
    const stdout = new PassThrough()
    const lines: number[] = []
    const logger = new StreamLogger('log', {
      format: ({ message }) => message,
      write: (text) => lines.push(text.length),
    })
    const restore = redirectOutput(logger, 'WARNING', { stdout, stderr: new PassThrough() })
    for (let count = 0; count < 100; count += 1) stdout.write('x'.repeat(1024))
    const before = lines.length
    restore()
    assert.ok(before > 0, 'nothing was logged before the end')
    assert.ok(lines.reduce((sum, length) => sum + length, 0) >= 100 * 1024)
  })
})
