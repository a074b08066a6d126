import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { settingRow } from '../../../src/config/settings.ts'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { LogFile } from '../../../src/util/log-file.ts'
import { compileLogFormat } from '../../../src/util/log-format.ts'
import type { LogRecord } from '../../../src/util/logger.ts'
import { tempDir } from '../../support/temp-dir.ts'

const RECORD: LogRecord = {
  time: new Date(2030, 0, 2, 3, 4, 5, 67),
  level: 'INFO',
  logger: 'celery.worker',
  message: 'hello',
  fields: undefined,
}

function line(format: unknown, record: Partial<LogRecord> = {}, color = false): string {
  return compileLogFormat({ format: String(format), processName: 'MainProcess', color })({
    ...RECORD,
    ...record,
  })
}

test("the worker's lines look as they do in Celery [10-001]", () => {
  const { default: format } = settingRow('workerLogFormat')
  assert.equal(line(format), '[2030-01-02 03:04:05,067: INFO/MainProcess] hello')
})

test("a task's lines name it, or say that there is none [10-002]", () => {
  const { default: format } = settingRow('workerTaskLogFormat')
  assert.equal(
    line(format, { fields: { task_name: 'tasks.add', task_id: 'id' } }),
    '[2030-01-02 03:04:05,067: INFO/MainProcess] tasks.add[id]: hello',
  )
  assert.equal(line(format), '[2030-01-02 03:04:05,067: INFO/MainProcess] ???[???]: hello')
})

test("placeholders in Python's notation, with widths", () => {
  assert.equal(line('%(levelname)-8s|%(name)15s|%(levelno)d|100%%'), 'INFO    |  celery.worker|20|100%')
  assert.equal(line('%(process)d %(msecs)03d %(threadName)s'), `${process.pid}  67 MainThread`)
  assert.throws(() => line('%(levelnam)s'), ImproperlyConfigured)
  assert.throws(() => line('%(levelnam)s'), /no %\(levelnam\)s \(did you mean "levelname"\?\)/)
})

test('fields follow the message, the stack of an error stands below', () => {
  const error = new RangeError('boom')
  assert.equal(line('%(message)s', { fields: { queue: 'celery', count: 2 } }), 'hello queue=celery count=2')
  assert.equal(line('%(message)s', { fields: { error } }), `hello\n${error.stack}`)
})

test('lines have the colour of their severity, if colours are wanted [10-008]', () => {
  assert.equal(line('%(message)s', { level: 'ERROR' }, true), '\u001b[31mhello\u001b[39m')
  assert.equal(line('%(message)s', { level: 'CRITICAL' }, true), '\u001b[35mhello\u001b[39m')
  assert.equal(line('%(message)s', { level: 'WARNING' }, true), '\u001b[33mhello\u001b[39m')
  assert.equal(line('%(message)s', { level: 'DEBUG' }, true), '\u001b[34mhello\u001b[39m')
  assert.equal(line('%(message)s', {}, true), 'hello')
  assert.equal(line('%(message)s', { level: 'ERROR' }), 'hello')
})

test('a log file takes the lines of a turn together and what is left at the end', async (t) => {
  const path = join(tempDir(t), 'logs', 'w.log')
  const file = new LogFile(path)
  t.after(() => file.close())
  file.write('one\n')
  file.write('two\n')
  assert.equal(readFileSync(path, 'utf8'), '')
  await turn()
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n')
  file.write('three\n')
  file.close()
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\nthree\n')
  file.close()
})

test('a log file that was moved away is begun anew [10-009]', async (t) => {
  const path = join(tempDir(t), 'w.log')
  const file = new LogFile(path)
  t.after(() => file.close())
  file.write('before\n')
  file.flush()
  renameSync(path, `${path}.1`)
  file.write('after\n')
  file.flush()
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'before\n')
  assert.equal(readFileSync(path, 'utf8'), 'after\n')
})

test('a log file that cannot be written ends the program with a message', (t) => {
  const folder = tempDir(t)
  assert.throws(() => new LogFile(folder), ImproperlyConfigured)
  assert.ok(existsSync(folder))
})
