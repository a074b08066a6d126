import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BannerFacts } from '../../../src/cli/banner.ts'
import { banner } from '../../../src/cli/banner.ts'

const FACTS: BannerFacts = {
  hostname: 'w1@box',
  app: 'tasks (/srv/tasks.ts)',
  transport: 'redis://me:secret@localhost:6379/0',
  results: 'redis://:secret@localhost/1',
  concurrency: '2 (prefork)',
  taskEvents: false,
  queues: [
    { name: 'celery', exchange: 'celery(direct)', routingKey: 'celery' },
    { name: 'a-queue-with-a-long-name', exchange: 'feeds(topic)', routingKey: 'feed.#' },
  ],
  tasks: undefined,
  now: new Date(2030, 0, 2, 3, 4, 5),
}

/** The text beside the art, without trailing spaces. */
function textOf(facts: BannerFacts): string[] {
  return banner(facts)
    .split('\n')
    .map((line) => line.slice(16))
}

test('the banner says what Celery says, in its order [11-033]', () => {
  const [head, blank, platform, , ...rest] = textOf(FACTS)
  assert.match(head ?? '', /^w1@box v\d+\.\d+\.\d+\S* \(\w+\)$/)
  assert.equal(blank, '')
  assert.match(platform ?? '', /^\w+-\S+ Node-\d+\.\d+\.\d+ 2030-01-02 03:04:05$/)
  assert.deepEqual(rest, [
    '[config]',
    '.> app:         tasks (/srv/tasks.ts)',
    '.> transport:   redis://me:**@localhost:6379/0',
    '.> results:     redis://:**@localhost/1',
    '.> concurrency: 2 (prefork)',
    '.> task events: OFF (enable -E to monitor tasks in this worker)',
    '',
    '[queues]',
    '.> celery           exchange=celery(direct) key=celery',
    '.> a-queue-with-a-long-name exchange=feeds(topic) key=feed.#',
    '',
  ])
})

test('twelve lines of art stand beside it, all of the same width [11-033]', () => {
  const lines = banner(FACTS).split('\n')
  const art = lines.slice(0, 12).map((line) => line.slice(0, 15).trimEnd())
  assert.ok(art.every((line) => line !== ''))
  assert.ok(lines.slice(12).every((line) => line.slice(0, 15).trim() === ''))
})

test('the embedded broker is called what it is', () => {
  const text = banner({ ...FACTS, transport: 'sqlite://', results: undefined })
  assert.match(
    text,
    /transport: {3}sqlite:\/\/ \(embedded: a file, shared by the processes of this machine only\)/,
  )
  assert.match(text, /results: {5}disabled:\/\//)
})

test('tasks are listed in order when they are asked for [11-033]', () => {
  assert.match(
    banner({ ...FACTS, tasks: ['b.two', 'a.one'] }),
    /\n\n\[tasks\]\n {2}\. a\.one\n {2}\. b\.two\n\n$/,
  )
  assert.doesNotMatch(banner(FACTS), /\[tasks\]/)
})
