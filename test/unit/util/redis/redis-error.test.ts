import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConnectionError, OperationalError } from '../../../../src/errors.ts'
import { redisError } from '../../../../src/util/redis/redis-error.ts'

const reply = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' })
const translated = (error: unknown) => redisError(error, { server: 'redis://h' })

suite('redisError', () => {
  test('replies after which the connection is of no use', () => {
    const cases: readonly [string, boolean][] = [
      ["READONLY You can't write against a read only replica.", true],
      ['LOADING Redis is loading the dataset in memory', true],
      ['MASTERDOWN Link with MASTER is down', true],
      ['ERR max number of clients reached', true],
      ['NOAUTH Authentication required.', false],
      ['WRONGPASS invalid username-password pair or user is disabled.', false],
      ['ERR invalid password', false],
      ['ERR DB index is out of range', false],
    ]
    for (const [message, recoverable] of cases) {
      const error = translated(reply(message))
      assert.ok(error instanceof ConnectionError, message)
      assert.equal(error.recoverable, recoverable, message)
      assert.match(error.message, /^Redis at redis:\/\/h replied: .* \(.*\)$/)
    }
  })

  test('replies that concern one command', () => {
    const cases: readonly [string, boolean][] = [
      ["OOM command not allowed when used memory > 'maxmemory'.", true],
      ['MISCONF Redis is configured to save RDB snapshots', true],
      ['NOREPLICAS Not enough good replicas to write.', true],
      ['BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.', true],
      ['NOPERM this user has no permissions', false],
      ['MOVED 3999 127.0.0.1:6381', false],
      ["CROSSSLOT Keys in request don't hash to the same slot", false],
      ['WRONGTYPE Operation against a key', false],
      ["ERR unknown command 'BLMOVE'", false],
      ['ERR something else', false],
    ]
    for (const [message, recoverable] of cases) {
      const error = translated(reply(message))
      assert.ok(!(error instanceof ConnectionError), message)
      assert.equal(error.recoverable, recoverable, message)
      assert.ok(error.cause instanceof Error)
    }
  })

  test('everything else is the connection', () => {
    const error = translated(new Error('read ECONNRESET'))
    assert.ok(error instanceof ConnectionError)
    assert.equal(error.message, 'The connection to Redis at redis://h failed: read ECONNRESET')
    const several = new AggregateError([
      new Error('connect ECONNREFUSED ::1'),
      new Error('connect ECONNREFUSED 127.0.0.1'),
    ])
    assert.match(translated(several).message, /ECONNREFUSED ::1, connect ECONNREFUSED 127/)
    const own = new OperationalError('x')
    assert.equal(translated(own), own)
  })
})
