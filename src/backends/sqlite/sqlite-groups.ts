import { isRecord } from '../../util/is-record.ts'
import type { GroupStore, GroupTuple } from '../backend.ts'
import { SqlitePart } from './sqlite-part.ts'

/** Groups in the file: the documents that Celery would store, `{"result": [[id, parent], [children]]}`. */
export class SqliteGroups extends SqlitePart implements GroupStore {
  async save(
    groupId: string,
    group: GroupTuple,
    { expires }: { readonly expires: number | undefined },
  ): Promise<void> {
    const document = this.codec.encode({ result: group })
    const expiresAt = this.endOf(expires)
    const replace = this.file.prepare('INSERT OR REPLACE INTO celeriac_groups VALUES (?, ?, ?)')
    await this.file.write(() => void replace.run(groupId, expiresAt, document))
  }

  async load(groupId: string): Promise<GroupTuple | undefined> {
    const select = this.file.prepare(
      'SELECT document FROM celeriac_groups WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)',
    )
    const bytes = this.file.read(() => select.get(groupId, this.clock.now()))?.['document']
    const document = bytes instanceof Uint8Array ? this.codec.decode(bytes) : undefined
    const group = isRecord(document) ? document['result'] : undefined
    return Array.isArray(group) ? group : undefined
  }

  async forget(groupId: string): Promise<void> {
    const remove = this.file.prepare('DELETE FROM celeriac_groups WHERE id = ?')
    await this.file.write(() => void remove.run(groupId))
  }
}
