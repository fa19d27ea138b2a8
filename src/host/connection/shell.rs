//! The one command on the connection, and its streams.

use std::time::Duration;

use russh::client::Handle;
use russh::{ChannelMsg, Disconnect};
use tokio::io::AsyncWriteExt as _;

use super::dial::{Client, unreachable, words};
use super::{Target, sudo};
use crate::host::HostError;
use crate::host::session::wire::{Ended, Notes, Wire};

/// How long the last bytes may take to leave.
const FAREWELL: Duration = Duration::from_secs(5);
/// A login may have to wait until the host has ended the user's session before.
const OPENING: Duration = Duration::from_secs(100);

/// Starts the shell's command over a connection that needs those of `way`; whether it could be executed shows in what it answers.
///
/// # Errors
/// The host opens no session.
pub async fn start(
    target: &Target,
    handle: Handle<Client>,
    way: Vec<Handle<Client>>,
    notes: Notes,
) -> Result<Wire, HostError> {
    let advice = "does the host allow this user to run commands?";
    let channel = match tokio::time::timeout(OPENING, handle.channel_open_session()).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => return Err(unreachable(target, &words(&error), advice)),
        Err(_) => return Err(unreachable(target, "the host opens no session", advice)),
    };
    channel
        .exec(true, sudo::COMMAND)
        .await
        .map_err(|error| unreachable(target, &words(&error), advice))?;

    let (mut incoming, outgoing) = channel.split();
    let writer = outgoing.make_writer();
    let (mut pipe, reader) = tokio::io::duplex(64 << 10);
    let heard = notes.clone();
    let (alive, ended) = Ended::with();
    tokio::spawn(async move {
        let _alive = alive;
        while let Some(message) = incoming.wait().await {
            match message {
                ChannelMsg::Data { data } if pipe.write_all(&data).await.is_err() => break,
                ChannelMsg::ExtendedData { data, .. } => heard.standard_error(&data),
                ChannelMsg::ExitStatus { exit_status } => {
                    heard.ended(format!("the root shell ended with status {exit_status}"));
                }
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    heard.ended(format!("the root shell was ended by signal {signal_name:?}"));
                }
                ChannelMsg::Failure => heard.ended("the host does not execute commands for this user"),
                ChannelMsg::Close => break,
                _ => {}
            }
        }
    });
    Ok(Wire {
        reader: Box::new(reader),
        writer: Box::new(writer),
        ended,
        notes,
        close: Box::new(move || {
            Box::pin(async move {
                let farewell = async {
                    drop(outgoing);
                    // Fails only when the connection is gone already.
                    let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
                    let _ = handle.await;
                    for hop in way.into_iter().rev() {
                        let _ = hop.disconnect(Disconnect::ByApplication, "", "").await;
                    }
                };
                let _ = tokio::time::timeout(FAREWELL, farewell).await;
            })
        }),
    })
}
