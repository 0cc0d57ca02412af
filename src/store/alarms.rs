//! Alarms: raised once for each thing that is wrong, until it is right again.

use super::{Store, moment};
use crate::model::alarm::{Alarm, AlarmKind, News, RaisedAlarm, Told, Way};
use anyhow::Context;
use jiff::Timestamp;
use sqlx::Row;

impl Store {
    /// Raises an alarm. One that goes on stays the one it is, with the newest text; one that was over begins anew.
    pub async fn raise(&self, alarm: Alarm, at: Timestamp) -> anyhow::Result<()> {
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "insert into alarm (kind, about, text, raised_at, seen_at) values ($1, $2, $3, $4, $4)
                     on conflict (kind, about) do update set text = excluded.text, seen_at = excluded.seen_at,
                         raised_at = case when alarm.cleared_at is null then alarm.raised_at else excluded.raised_at end,
                         told_at = case when alarm.cleared_at is null then alarm.told_at else null end,
                         cleared_at = null",
                )
                .bind(alarm.kind.as_str())
                .bind(alarm.about)
                .bind(alarm.text)
                .bind(at.as_millisecond())
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    /// It is right again; nothing happens if it was never wrong.
    pub async fn clear(&self, kind: AlarmKind, about: &str, at: Timestamp) -> anyhow::Result<()> {
        let about = about.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("update alarm set cleared_at = $3 where kind = $1 and about = $2 and cleared_at is null")
                    .bind(kind.as_str())
                    .bind(about)
                    .bind(at.as_millisecond())
                    .execute(c)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Every alarm there ever was, the newest first.
    pub async fn alarms(&self) -> anyhow::Result<Vec<RaisedAlarm>> {
        let rows = sqlx::query("select * from alarm order by raised_at desc, kind, about").fetch_all(&self.reads).await?;
        rows.iter()
            .map(|row| {
                let kind: String = row.get("kind");
                let kind = AlarmKind::parse(&kind).with_context(|| format!("an alarm of unknown kind {kind:?}"))?;
                let alarm = Alarm { kind, about: row.get("about"), text: row.get("text") };
                let at = |column: &str| row.get::<Option<i64>, _>(column).map(moment);
                Ok(RaisedAlarm {
                    alarm,
                    raised_at: moment(row.get("raised_at")),
                    seen_at: moment(row.get("seen_at")),
                    told_at: at("told_at"),
                    cleared_at: at("cleared_at"),
                })
            })
            .collect()
    }

    /// What was told of each alarm by each way.
    pub async fn told(&self) -> anyhow::Result<Vec<Told>> {
        let rows = sqlx::query("select * from alarm_told").fetch_all(&self.reads).await?;
        rows.iter()
            .map(|row| {
                let (kind, way): (String, String) = (row.get("kind"), row.get("way"));
                let at = |column: &str| row.get::<Option<i64>, _>(column).map(moment);
                Ok(Told {
                    kind: AlarmKind::parse(&kind).with_context(|| format!("an alarm of unknown kind {kind:?}"))?,
                    about: row.get("about"),
                    way: Way::parse(&way).with_context(|| format!("an unknown way {way:?}"))?,
                    raised_at: moment(row.get("raised_at")),
                    told_at: at("told_at"),
                    over_at: at("over_at"),
                    attempts: u32::try_from(row.get::<i64, _>("attempts")).unwrap_or(u32::MAX),
                    due_at: moment(row.get("due_at")),
                    last_error: row.get("last_error"),
                })
            })
            .collect()
    }

    /// Somebody was told by this way.
    pub async fn was_told(&self, alarm: &RaisedAlarm, way: Way, news: News, at: Timestamp) -> anyhow::Result<()> {
        let (kind, about, raised_at, at) =
            (alarm.alarm.kind, alarm.alarm.about.clone(), alarm.raised_at.as_millisecond(), at.as_millisecond());
        let over = news == News::Over;
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "insert into alarm_told (kind, about, way, raised_at, told_at, over_at, attempts, due_at)
                     values ($1, $2, $3, $4, $5, $6, 0, $5)
                     on conflict (kind, about, way) do update set raised_at = excluded.raised_at,
                         told_at = case when excluded.over_at is null then excluded.told_at else alarm_told.told_at end,
                         over_at = excluded.over_at, attempts = 0, due_at = excluded.due_at, last_error = null",
                )
                .bind(kind.as_str())
                .bind(&about)
                .bind(way.key())
                .bind(raised_at)
                .bind(at)
                .bind(over.then_some(at))
                .execute(&mut *c)
                .await?;
                if way != Way::Log {
                    sqlx::query("update alarm set told_at = $4 where kind = $1 and about = $2 and raised_at = $3 and told_at is null")
                        .bind(kind.as_str())
                        .bind(&about)
                        .bind(raised_at)
                        .bind(at)
                        .execute(c)
                        .await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// A way did not work; it is tried again at `due_at`. `given_up_at`: it will not be told by this way that the alarm is over.
    pub async fn was_not_told(
        &self,
        alarm: &RaisedAlarm,
        way: Way,
        error: String,
        due_at: Timestamp,
        given_up_at: Option<Timestamp>,
    ) -> anyhow::Result<()> {
        let (kind, about, raised_at) = (alarm.alarm.kind, alarm.alarm.about.clone(), alarm.raised_at.as_millisecond());
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "insert into alarm_told (kind, about, way, raised_at, attempts, due_at, last_error, over_at)
                     values ($1, $2, $3, $4, 1, $5, $6, $7)
                     on conflict (kind, about, way) do update set
                         told_at = case when alarm_told.raised_at = excluded.raised_at then alarm_told.told_at else null end,
                         over_at = case when alarm_told.raised_at = excluded.raised_at and excluded.over_at is null then alarm_told.over_at
                             else excluded.over_at end,
                         raised_at = excluded.raised_at, attempts = alarm_told.attempts + 1, due_at = excluded.due_at,
                         last_error = excluded.last_error",
                )
                .bind(kind.as_str())
                .bind(about)
                .bind(way.key())
                .bind(raised_at)
                .bind(due_at.as_millisecond())
                .bind(error)
                .bind(given_up_at.map(|at| at.as_millisecond()))
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::examples;

    #[tokio::test]
    async fn an_alarm_begins_goes_on_ends_and_begins_anew() {
        let (store, _folder) = examples::store().await;
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let alarm = |text: &str| Alarm { kind: AlarmKind::DoorFailing, about: "box".into(), text: text.into() };
        let only = async || {
            let mut all = store.alarms().await.unwrap();
            assert_eq!(all.len(), 1);
            all.remove(0)
        };
        store.raise(alarm("first"), at(1)).await.unwrap();
        store.raise(alarm("second"), at(2)).await.unwrap();
        let goes_on = only().await;
        assert_eq!((goes_on.raised_at, goes_on.seen_at, goes_on.alarm.text.as_str()), (at(1), at(2), "second"));
        store.clear(AlarmKind::DoorSilent, "box", at(3)).await.unwrap();
        assert_eq!(only().await.cleared_at, None);
        store.clear(AlarmKind::DoorFailing, "box", at(3)).await.unwrap();
        assert_eq!(only().await.cleared_at, Some(at(3)));
        store.raise(alarm("third"), at(4)).await.unwrap();
        let anew = only().await;
        assert_eq!((anew.raised_at, anew.cleared_at, anew.told_at), (at(4), None, None));
    }
}
