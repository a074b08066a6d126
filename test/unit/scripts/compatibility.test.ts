import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compatibilityPage, idsOfTitles, parseNotes, parseRows } from '../../../scripts/compatibility.ts'

const ROWS = parseRows(
  [
    'id\tsection\tstar\ttext',
    '1-001\t1.1 Settings\t★\t`accept_content` · a|b',
    '1-002\t1.1 Settings\t\tother',
    '1-003\t1.1 Settings\t\tthird',
    '2-001\t2.1 App\t\tapp',
    '',
  ].join('\n'),
)
const IDS = ROWS.map(({ id }) => id)
// Built from parts, so that the titles below don't count as titles of this file.
const call = (name: string, title: string): string => [name, '(', title, ', () => {})'].join('')

test('ids are read from titles: one, a list, a range', () => {
  assert.deepEqual(idsOfTitles(call('test', "'works [1-001]'"), IDS), ['1-001'])
  assert.deepEqual(idsOfTitles(call('it', '"works [1-001, 2-001]"'), IDS), ['1-001', '2-001'])
  assert.deepEqual(idsOfTitles(call('check', "'works [1-001 2-001] [1-002]'"), IDS), [
    '1-001',
    '2-001',
    '1-002',
  ])
  assert.deepEqual(idsOfTitles("const CASES = [['a case [1-003]', 7]]", IDS), ['1-003'])
  assert.deepEqual(idsOfTitles(call('t.test', '\n  `works [1-001..1-003,2-001]`'), IDS), IDS)
  assert.deepEqual(idsOfTitles(call('describe', "'don\\'t [1-002] and [1-003]'"), IDS), ['1-002', '1-003'])
})

test('skipped tests, comments and code prove nothing', () => {
  assert.deepEqual(
    idsOfTitles(`${call('test.skip', "'[1-001]'")} // [1-002]\n/** [1-002] */\nrows[1-003]`, IDS),
    [],
  )
})

test('an unknown id in a title is an error', () => {
  assert.throws(() => idsOfTitles(call('test', "'works [9-999]'"), IDS), /\[9-999\] in a title/)
  assert.throws(() => idsOfTitles(call('test', "'works [1-003..1-001]'"), IDS), /no such row/)
})

test('the page has the state of every row, and notes have the last word', () => {
  const notes = parseNotes('id\tstate\tnote\n1-002\tdiffers\tno pickle\n', IDS)
  const { page, summary } = compatibilityPage(ROWS, new Set(['1-001', '1-002']), notes)
  assert.equal(summary, '4 rows: 1 proven, 1 differs, 2 open; of the starred 1 rows: 1 proven')
  assert.match(page, /^\| 1-001 \| ★ \| `accept_content` · a\\\|b \| ✔ proven \| {2}\|$/m)
  assert.match(page, /^\| 1-002 \| {2}\| other \| ≠ differs \| no pickle \|$/m)
  assert.match(page, /^## 2\.1 App$/m)
})

test('a note with an unknown id or state is an error', () => {
  assert.throws(() => parseNotes('id\tstate\tnote\n9-999\tpartial\tx\n', IDS), /9-999 partial/)
  assert.throws(() => parseNotes('id\tstate\tnote\n1-001\tdone\tx\n', IDS), /1-001 done/)
})
