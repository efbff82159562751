//! Curves for people, as a table.

use std::fmt;

use super::{Curves, Point};

impl fmt::Display for Curves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pictures, missing, faces, smallest, bootstrap_units, .. } = self;
        writeln!(f, "pictures: {pictures}; not there: {missing}; faces of {smallest} pixels and more: {faces}")?;
        writeln!(f, "recall: faces of which a mask hides 90 % of the box;")?;
        writeln!(f, "painted: of what is no face and no zone; face networks alone, no persons, no tracks;")?;
        writeln!(
            f,
            "95 %: bootstrap over {bootstrap_units}; over {bootstrap_units} that are all alike (all hidden, or none): Wilson; \
             over a single one: none\n"
        )?;
        writeln!(f, "{:<9} {:>5} {:>8} {:>15} {:>9}", "detail", "score", "recall%", "95 %", "painted%")?;
        for curve in &self.curves {
            for Point { score, recall, recall_interval, over_redaction, .. } in &curve.points {
                let interval = recall_interval.map_or_else(String::new, |interval| interval.written(100.0, 1));
                let (recall, over) = (recall * 100.0, over_redaction * 100.0);
                writeln!(f, "{:<9} {score:>5.2} {recall:>8.1} {interval:>15} {over:>9.3}", curve.detail)?;
            }
        }
        Ok(())
    }
}
