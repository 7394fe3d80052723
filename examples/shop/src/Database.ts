import { PGlite } from "@electric-sql/pglite"
import { Config, Context, Effect, Layer, Schema } from "effect"

/**
 * What the shop may not lose, and what it works on while every Redis is away.
 *
 * PGlite is PostgreSQL compiled to WebAssembly: one npm package without dependencies, install
 * scripts or binaries, which runs inside this process on every Node. It is this process's alone, so
 * that a shop of several processes takes a PostgreSQL server, by another layer.
 */
export class Database extends Context.Service<
  Database,
  {
    /** Runs one statement. A database that fails is no part of this example, and so a defect. */
    readonly query: <Row>(
      row: Schema.Decoder<Row>,
      sql: string,
      parameters?: ReadonlyArray<string | number>
    ) => Effect.Effect<ReadonlyArray<Row>>
  }
>()("shop/Database") {
  /** Keeps its files in SHOP_DATABASE, or everything in memory where that is not set. */
  static readonly layer = Layer.effect(
    Database,
    Effect.gen(function* () {
      const directory = yield* Config.String("SHOP_DATABASE").pipe(Config.withDefault("memory://"))
      const postgres = yield* Effect.acquireRelease(
        Effect.promise(() => PGlite.create(directory)),
        (postgres) => Effect.promise(() => postgres.close())
      )
      yield* Effect.promise(() => postgres.exec(tables))
      return Database.of({
        query: (row, sql, parameters = []) =>
          Effect.promise(() => postgres.query(sql, [...parameters])).pipe(
            Effect.flatMap(({ rows }) => Schema.decodeUnknownEffect(Schema.Array(row))(rows)),
            Effect.orDie
          )
      })
    })
  )
}

const tables = `
  create table if not exists products (id text primary key, name text not null, price int not null);
  create table if not exists orders (
    number int primary key,
    customer text not null,
    product text not null references products,
    quantity int not null
  );
  insert into products values
    ('tea', 'Tea, 100 g', 480),
    ('coffee', 'Coffee, 250 g', 790),
    ('cocoa', 'Cocoa, 200 g', 560)
  on conflict do nothing;
`
