import type { ChordPart, ChordStore } from '../backend.ts'
import { SqlitePart } from './sqlite-part.ts'

type AddResult = Awaited<ReturnType<ChordStore['add']>>

/** Chords in the file: counting, collecting and the decision who was last are one transaction. */
export class SqliteChords extends SqlitePart implements ChordStore {
  async setSize(
    groupId: string,
    size: number,
    { expires }: { readonly expires: number | undefined },
  ): Promise<void> {
    const expiresAt = this.endOf(expires)
    const upsert = this.file.prepare(
      `INSERT INTO celeriac_chords (id, size, expires_at) VALUES (?1, ?2, ?3)
       ON CONFLICT (id) DO UPDATE SET size = ?2, expires_at = ?3`,
    )
    await this.file.write(() => void upsert.run(groupId, size, expiresAt))
  }

  async add(
    groupId: string,
    part: ChordPart,
    { expires, size: told }: { readonly expires: number | undefined; readonly size: number | undefined },
  ): Promise<AddResult> {
    const result = this.codec.encode(part.result)
    const expiresAt = this.endOf(expires)
    const declare = this.file.prepare(
      `INSERT INTO celeriac_chords (id, size, expires_at) VALUES (?1, ?2, ?3)
       ON CONFLICT (id) DO UPDATE SET size = coalesce(size, ?2), expires_at = ?3`,
    )
    const insert = this.file.prepare('INSERT OR IGNORE INTO celeriac_chord_parts VALUES (?, ?, ?, ?, ?)')
    const count = this.file.prepare(
      'UPDATE celeriac_chords SET parts = parts + ? WHERE id = ? RETURNING parts, size, completed_by',
    )
    const finish = this.file.prepare('UPDATE celeriac_chords SET completed_by = ? WHERE id = ?')
    return this.file.write(() => {
      declare.run(groupId, told ?? null, expiresAt)
      const { changes } = insert.run(groupId, part.id, part.index, part.state, result)
      const row = count.get(Number(changes), groupId)
      const parts = Number(row?.['parts'])
      const size = typeof row?.['size'] === 'number' ? row['size'] : undefined
      const full = size !== undefined && parts >= size
      const completedBy = full ? (row?.['completed_by'] ?? part.id) : undefined
      const complete = completedBy === part.id
      if (complete) finish.run(part.id, groupId)
      return { complete, count: parts, size }
    })
  }

  async grow(
    groupId: string,
    by: number,
    { expires }: { readonly expires: number | undefined },
  ): Promise<void> {
    const expiresAt = this.endOf(expires)
    const update = this.file.prepare(
      'UPDATE celeriac_chords SET size = size + ?, expires_at = ? WHERE id = ? AND size IS NOT NULL',
    )
    await this.file.write(() => void update.run(by, expiresAt, groupId))
  }

  async collect(groupId: string): Promise<readonly ChordPart[]> {
    const select = this.file.prepare(
      'SELECT id, position, state, result FROM celeriac_chord_parts WHERE chord = ? ORDER BY position, id',
    )
    return this.file
      .read(() => select.all(groupId))
      .map((row) => ({
        index: Number(row['position']),
        id: String(row['id']),
        state: String(row['state']),
        result: row['result'] instanceof Uint8Array ? this.codec.decode(row['result']) : undefined,
      }))
  }

  async forget(groupId: string): Promise<void> {
    const parts = this.file.prepare('DELETE FROM celeriac_chord_parts WHERE chord = ?')
    const chord = this.file.prepare('DELETE FROM celeriac_chords WHERE id = ?')
    await this.file.write(() => {
      parts.run(groupId)
      chord.run(groupId)
    })
  }
}
